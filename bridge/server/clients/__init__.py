"""The doors of clients: of those that speak the bridge's own protocol, and of those that speak a hosted service's."""
