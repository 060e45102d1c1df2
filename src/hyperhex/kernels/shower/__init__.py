"""Transport of photons and electrons through matter, particle by particle."""
