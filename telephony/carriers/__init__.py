"""Carriers' media sockets, what their webhooks are answered with, and how their requests are known to be theirs."""
