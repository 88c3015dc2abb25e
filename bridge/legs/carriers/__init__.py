"""Carriers beside their media streams: their REST APIs as data, and calls that are ended and handed over by them."""
