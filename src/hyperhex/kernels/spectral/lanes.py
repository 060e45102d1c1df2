"""Vectors as wide as a register, for loops that LLVM does not vectorise by itself.

A vector holds 64 bytes: 16 numbers of float32 or 8 of float64. It is one register where the
processor has AVX-512; elsewhere LLVM splits it into shorter registers. Indices count numbers from
the beginning of a contiguous array of one dimension and are not checked.
"""

# ruff: noqa: ARG001 -- Numba prescribes these signatures
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

__all__ = [
    "BYTES",
    "keep_apart",
    "lanes_of",
    "load",
    "multiply_add",
    "scale",
    "splat",
    "store",
    "take",
    "transpose",
    "zeros",
]

BYTES = 64


class Vector(types.Type):
    """Numba's type of a vector of one kind of number."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vector({dtype}x{self.lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector is one LLVM vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector(kind))


def _vector(kind: Vector) -> Any:
    """LLVM's type of a vector."""
    number = {32: ir.FloatType(), 64: ir.DoubleType()}[kind.dtype.bitwidth]
    return ir.VectorType(number, kind.lanes)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to the vector that begins at an index of an array."""
    data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
    place = builder.gep(data, [index])
    return builder.bitcast(place, _vector(Vector(array_type.dtype)).as_pointer())


def _repeated(builder: Any, kind: Any, number: Any) -> Any:
    """Vector that repeats a number."""
    single = builder.insert_element(
        ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    first = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), first)


@intrinsic
def lanes_of(typing_context: Any, array: Any) -> Any:
    """How many numbers of an array make a vector: a constant of the compiled code."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(types.intp), Vector(array.dtype).lanes)

    return types.intp(array), code


@intrinsic
def keep_apart(typing_context: Any) -> Any:
    """Forbid that the function in which this stands is put into its callers.

    A small loop then has all registers to itself: within a large function LLVM keeps pointers of
    its innermost loop in memory, and loads are what the loops here wait for.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Vector at an index of an array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(_pointer(context, builder, signature.args[0], *args))
        loaded.align = array.dtype.bitwidth // 8
        return loaded

    return Vector(array.dtype)(array, types.intp), code


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write a vector at an index of an array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], place).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


@intrinsic
def splat(typing_context: Any, array: Any, index: Any) -> Any:
    """Vector that repeats the number at an index of an array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(signature.return_type)
        array_type = signature.args[0]
        data = cgutils.create_struct_proxy(array_type)(context, builder, value=args[0]).data
        return _repeated(builder, kind, builder.load(builder.gep(data, [args[1]])))

    return Vector(array.dtype)(array, types.intp), code


@intrinsic
def multiply_add(typing_context: Any, factor: Any, other: Any, addend: Any) -> Any:
    """Vector factor * other + addend, rounded once where the processor can."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(signature.return_type)
        suffix = "f32" if signature.return_type.dtype.bitwidth == 32 else "f64"
        fused = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind, [kind] * 3),
            f"llvm.fmuladd.v{kind.count}{suffix}",
        )
        return builder.call(fused, args)

    return factor(factor, other, addend), code


@intrinsic
def scale(typing_context: Any, vector: Any, number: Any) -> Any:
    """Vector times a number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(signature.return_type)
        factor = context.cast(builder, args[1], signature.args[1], signature.return_type.dtype)
        return builder.fmul(args[0], _repeated(builder, kind, factor))

    return vector(vector, number), code


@intrinsic
def zeros(typing_context: Any, array: Any) -> Any:
    """Vector of zeros of an array's kind of number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(_vector(signature.return_type), None)

    return Vector(array.dtype)(array), code


@intrinsic
def take(typing_context: Any, array: Any, index: Any) -> Any:
    """Number at an index of an array, without the code that counts a negative one from the end."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0]).data
        number = builder.load(builder.gep(data, [args[1]]))
        return context.cast(builder, number, array.dtype, signature.return_type)

    kind = types.intp if isinstance(array.dtype, types.Integer) else array.dtype
    return kind(array, types.intp), code


@intrinsic
def transpose(
    typing_context: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, step: Any
) -> Any:
    """Square block of vectors at `at`, `at + stride`, ... written as columns at `to`, `to + step`.

    Halves of vectors are exchanged at distance 1, 2, 4, ..., so that lane j of vector i ends as
    lane i of vector j.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(Vector(source.dtype))
        align = source.dtype.bitwidth // 8
        vectors = []
        for i in range(kind.count):
            index = builder.add(args[1], builder.mul(args[2], ir.Constant(args[2].type, i)))
            loaded = builder.load(_pointer(context, builder, source, args[0], index))
            loaded.align = align
            vectors.append(loaded)
        distance = 1
        while distance < kind.count:
            vectors = _exchanged(builder, vectors, distance)
            distance *= 2
        for i, vector in enumerate(vectors):
            index = builder.add(args[4], builder.mul(args[5], ir.Constant(args[5].type, i)))
            builder.store(vector, _pointer(context, builder, target, args[3], index)).align = align
        return context.get_dummy_value()

    indices = types.intp
    return types.void(source, indices, indices, target, indices, indices), code


def _exchanged(builder: Any, vectors: list[Any], distance: int) -> list[Any]:
    """One step of a transposition: 2 x 2 blocks of `distance` lanes swap their off-diagonals."""
    lanes = len(vectors)
    mask = ir.VectorType(ir.IntType(32), lanes)
    low = [j if not j & distance else lanes + j - distance for j in range(lanes)]
    high = [j + distance if not j & distance else lanes + j for j in range(lanes)]
    exchanged = list(vectors)
    for i in range(lanes):
        if not i & distance:
            pair = vectors[i], vectors[i + distance]
            exchanged[i] = builder.shuffle_vector(*pair, ir.Constant(mask, low))
            exchanged[i + distance] = builder.shuffle_vector(*pair, ir.Constant(mask, high))
    return exchanged
