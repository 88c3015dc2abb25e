"""Voices that run here."""
