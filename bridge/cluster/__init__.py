"""What runs on more than one process or machine: the pool of recognisers on Ray Serve."""
