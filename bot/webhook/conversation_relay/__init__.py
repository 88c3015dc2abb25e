"""Applications written for Twilio's ConversationRelay: docs/webhook.md."""

from bot.webhook.conversation_relay.bot import RelayBot

__all__ = ["RelayBot"]
