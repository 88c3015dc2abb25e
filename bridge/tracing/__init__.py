"""A trace of every call, in the form of OpenTelemetry: what took how long, sent to a collector."""
