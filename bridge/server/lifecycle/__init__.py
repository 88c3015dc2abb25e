"""A server's life: signals, what keeps it healthy, what is read again, who comes after it, and its end."""
