"""Fast simulation: a conditional WGAN-GP that draws a shower in microseconds."""
