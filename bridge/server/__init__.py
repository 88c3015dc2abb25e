"""Doors, routes and pages; start and stop; what is loaded once; which call gets which bot."""
