"""Carriers besides Twilio: their doors, their webhooks and the sockets that these order."""
