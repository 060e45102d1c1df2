"""Scores, significance improvement and hypothesis test on theories left out of training."""
