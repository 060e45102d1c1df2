"""Full simulation of showers, particle by particle."""
