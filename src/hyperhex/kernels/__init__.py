"""Numba kernels on CPU and CUDA; they know NumPy and Numba and nothing else of the package.

Hexagonal cells: coordinates, lookup, neighbours, symmetries, sums, clusters, camera images and
convolution. Graphs: Laplacians, eigenvalues, Chebyshev filters, pooling. Functions take NumPy
arrays or arrays on a CUDA device; `hyperhex.nn` makes torch layers of them.

>>> import hyperhex.kernels as kernels
>>> cells = kernels.axial_rings(2)
>>> table = kernels.neighbourhood(cells, 1)
>>> table.shape
(19, 7)
>>> graph = kernels.Graph.from_table(table[:, 1:])
>>> largest = kernels.largest_eigenvalue(kernels.combinatorial(graph))
>>> bool(largest.bound <= 12.0)
True
"""

from __future__ import annotations

from hyperhex.kernels.hexagonal.cleaning import tailcuts
from hyperhex.kernels.hexagonal.clusters import islands, topological_clusters
from hyperhex.kernels.hexagonal.convolution import convolve, differentiate
from hyperhex.kernels.hexagonal.coordinates import (
    axial_of_cube,
    axial_of_offset,
    axial_of_spiral,
    cell_distance,
    cube_of_axial,
    offset_of_axial,
    ring_of_axial,
    spiral_of_axial,
)
from hyperhex.kernels.hexagonal.hillas import Hillas, hillas
from hyperhex.kernels.hexagonal.lattice import (
    axial_of_points,
    axial_rings,
    centre_of_axial,
    reflect_axial,
    rotate_axial,
)
from hyperhex.kernels.hexagonal.layout import fit_lattice
from hyperhex.kernels.hexagonal.lookup import lookup
from hyperhex.kernels.hexagonal.neighbours import (
    cylinder_neighbourhood,
    dense_table,
    neighbourhood,
)
from hyperhex.kernels.hexagonal.scatter import scatter_hits, scatter_patches
from hyperhex.kernels.hexagonal.symmetry import (
    symmetric_operations,
    symmetry_table,
    symmetry_tables,
)
from hyperhex.kernels.spectral.chebyshev import (
    Recurrence,
    chebyshev_convolution,
    chebyshev_filter,
    chebyshev_gradients,
)
from hyperhex.kernels.spectral.eigen import largest_eigenvalue, low_eigenvectors
from hyperhex.kernels.spectral.filters import (
    chebyshev_expansion,
    heat,
    itersine,
    mexican_hat,
    order_for,
)
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.healpix import (
    healpix_centres,
    healpix_graph,
    healpix_neighbourhood,
    ring_of_nested,
)
from hyperhex.kernels.spectral.hierarchy import cylinder_rhombi, flowers, rhombi
from hyperhex.kernels.spectral.laplacian import Laplacian, combinatorial, normalised
from hyperhex.kernels.spectral.nearest import nearest

__all__ = [
    "Graph",
    "Hillas",
    "Laplacian",
    "Recurrence",
    "axial_of_cube",
    "axial_of_offset",
    "axial_of_points",
    "axial_of_spiral",
    "axial_rings",
    "cell_distance",
    "centre_of_axial",
    "chebyshev_convolution",
    "chebyshev_expansion",
    "chebyshev_filter",
    "chebyshev_gradients",
    "combinatorial",
    "convolve",
    "cube_of_axial",
    "cylinder_neighbourhood",
    "cylinder_rhombi",
    "dense_table",
    "differentiate",
    "fit_lattice",
    "flowers",
    "healpix_centres",
    "healpix_graph",
    "healpix_neighbourhood",
    "heat",
    "hillas",
    "islands",
    "itersine",
    "largest_eigenvalue",
    "lookup",
    "low_eigenvectors",
    "mexican_hat",
    "nearest",
    "neighbourhood",
    "normalised",
    "offset_of_axial",
    "order_for",
    "reflect_axial",
    "rhombi",
    "ring_of_axial",
    "ring_of_nested",
    "rotate_axial",
    "scatter_hits",
    "scatter_patches",
    "spiral_of_axial",
    "symmetric_operations",
    "symmetry_table",
    "symmetry_tables",
    "tailcuts",
    "topological_clusters",
]
