"""Numba kernels on CPU and CUDA; they know NumPy and Numba and nothing else of the package."""
