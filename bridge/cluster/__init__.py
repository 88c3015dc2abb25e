"""What runs on more than one process or machine: workers of one server, and the pool of recognisers on Ray Serve."""
