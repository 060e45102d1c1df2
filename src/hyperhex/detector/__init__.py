"""Hexagonal layouts of detectors and the graphs of their neighbours."""
