"""Monte Carlo generation: theories in, weighted particle-level events out."""
