"""One server as several processes, and what several servers share."""
