"""`bridge twilio connect` and its like: points a telephone number at this server, and takes it back."""
