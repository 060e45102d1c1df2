"""Vectors of the processor in LLVM's instructions: loads, stores, lanes and multiply-adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["VECTOR_BYTES", "Vectors"]


def _vector_bytes() -> int:
    """Width [bytes] of the vectors of the processor that Numba compiles for."""
    features = numba.config.CPU_FEATURES
    if features is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


VECTOR_BYTES = _vector_bytes()


class Vectors:
    """Loads, stores and multiply-adds of vectors, for arrays of one element type."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder = context, builder
        self.values = list(arguments)
        element = next(t.dtype for t in signature.args if isinstance(t, types.Array))
        self.bytes = element.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.element = context.get_value_type(element)
        self.vector = ir.VectorType(self.element, self.lanes)
        for place, kind in enumerate(signature.args):
            if isinstance(kind, types.Array):
                self.values[place] = context.make_array(kind)(
                    context, builder, self.values[place]
                ).data
            else:
                self.values[place] = context.cast(builder, self.values[place], kind, types.intp)

    def number(self, value: int) -> Any:
        """Constant of the type of offsets."""
        return self.context.get_constant(types.intp, value)

    def add(self, first: Any, *others: Any) -> Any:
        """Sum of offsets."""
        for other in others:
            value = self.number(other) if isinstance(other, int) else other
            first = self.builder.add(first, value)
        return first

    def times(self, offset: Any, factor: Any) -> Any:
        """Product of offsets."""
        value = self.number(factor) if isinstance(factor, int) else factor
        return self.builder.mul(offset, value)

    def at(self, data: Any, *offsets: Any) -> Any:
        """Pointer to an element."""
        return cgutils.gep_inbounds(self.builder, data, self.add(*offsets))

    def load(self, pointer: Any, lanes: int | None = None) -> Any:
        """Vector from memory, aligned as its elements are."""
        kind = self.vector if lanes is None else ir.VectorType(self.element, lanes)
        pointer = self.builder.bitcast(pointer, kind.as_pointer())
        return self.builder.load(pointer, align=self.bytes, typ=kind)

    def store(self, value: Any, pointer: Any) -> None:
        """Vector to memory."""
        pointer = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, pointer, align=self.bytes)

    def spread(self, pointer: Any) -> Any:
        """Vector of one number from memory, in all lanes."""
        one = self.builder.load(pointer)
        first = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0)
        )
        return self.shuffle(first, first, [0] * self.lanes)

    def shuffle(self, first: Any, second: Any, lanes: Iterable[int]) -> Any:
        """Lanes of two vectors in a new order."""
        chosen = list(lanes)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen)
        return self.builder.shuffle_vector(first, second, mask)

    def prefetch(self, data: Any, *offsets: Any, write: bool = False) -> None:
        """Ask for a line of memory to be brought into the second cache; it may lie anywhere."""
        line = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line, number, number, number])
        call = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        place = self.builder.gep(data, [self.add(*offsets)])
        read, second_cache, data_cache = (
            ir.Constant(number, value) for value in (int(write), 2, 1)
        )
        place = self.builder.bitcast(place, line)
        self.builder.call(call, [place, read, second_cache, data_cache])

    def multiply_add(self, a: Any, b: Any, place: Any) -> None:
        """Add a b to an accumulator, in one instruction where the processor has it."""
        product = self.builder.fmul(a, b, flags=("contract",))
        total = self.builder.fadd(self.builder.load(place), product, flags=("contract",))
        self.builder.store(total, place)

    def accumulators(self, rows: int, columns: int) -> list[list[Any]]:
        """Variables that LLVM will keep in registers."""
        return [
            [cgutils.alloca_once(self.builder, self.vector) for _ in range(columns)]
            for _ in range(rows)
        ]
