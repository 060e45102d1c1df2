"""Refinement: a network that moves simulated showers onto the response of the real detector."""
