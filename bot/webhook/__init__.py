"""Bots that run elsewhere, in any language: docs/webhook.md tells of both ways to reach them."""

from bot.webhook.bot import HookFailed, WebhookBot

__all__ = ["HookFailed", "WebhookBot"]
