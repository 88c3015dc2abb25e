"""The options of carriers besides Twilio."""
