"""Hexagonal cells: coordinates, lookup, neighbours, clusters, images and convolution."""
