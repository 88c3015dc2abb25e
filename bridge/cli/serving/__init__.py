"""`bridge serve --workers N`: what each of its processes runs."""
