"""Layers of networks on hexagonal cells and on graphs, as torch modules."""
