"""A production system for machine learning on simulated particle detectors."""
