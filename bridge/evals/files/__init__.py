"""Scenario files: YAML with lines and limits, its fields, and the scenarios that come of it."""
