"""The loops of the kernels on CUDA; the formulas are those of the CPU.

A module here is imported only when arrays on a device are given. The formulas are the functions
that the CPU's loops call: Numba compiles them a second time, for the device.
"""
