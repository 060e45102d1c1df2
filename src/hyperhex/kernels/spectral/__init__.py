"""Spectral mathematics of weighted graphs: Laplacians, filters, pooling."""
