"""What runs beside a server: bridge call, listen, dial and models."""
