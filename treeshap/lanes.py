"""Explicit vectors for numba: the same number in many lanes, one instruction for all of them.

numba turns a plain loop into vector instructions only where its optimiser sees through it, and it leaves a body that
is written out by hand scalar. These few operations say it outright. A vector is a value like any other (it lives in
registers, and the same source serves any number of lanes and both precisions): the caller makes a first one with
`lanes`, and every operation takes its shape from the vectors that it is given.

Indices count array items, must not be negative and are not checked: the plan that made them is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.extending import intrinsic, register_model

__all__ = [
    "add",
    "aligned",
    "alike",
    "at",
    "beyond",
    "bits",
    "both",
    "but_not",
    "count",
    "has_bit",
    "items",
    "lanes",
    "less_equal",
    "load",
    "mask",
    "mul",
    "put",
    "select",
    "splat",
    "store",
    "sub",
]


class Lanes(types.Type):
    """The numba type of a vector of numbers."""

    def __init__(self, item: types.Number, count: int) -> None:
        self.item, self.count = item, count
        super().__init__(f"Lanes({item}, {count})")


class Mask(types.Type):
    """The numba type of one yes or no a lane."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"Mask({count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, ir.VectorType(_item_type(kind.item), kind.count))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.count))


def _item_type(item: Any) -> Any:
    if item in (types.float64, types.float32):
        return ir.DoubleType() if item == types.float64 else ir.FloatType()
    return ir.IntType(item.bitwidth)


def _vector(context: Any, kind: Any) -> Any:
    return context.get_value_type(kind)


def _item(builder: Any, items: Any, index: Any) -> Any:
    return builder.gep(items, [index], inbounds=True)


def _repeat(builder: Any, vector: Any, scalar: Any) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, first, zeros)


def _as_item(builder: Any, vector: Any, scalar: Any) -> Any:
    """Return a scalar as the vector has it: as wide or narrower, or a float in its precision."""
    if scalar.type == vector.element:
        return scalar
    if isinstance(vector.element, ir.IntType):
        return builder.trunc(scalar, vector.element)
    narrow = isinstance(vector.element, ir.FloatType)
    return builder.fptrunc(scalar, vector.element) if narrow else builder.fpext(scalar, vector.element)


@intrinsic(prefer_literal=True)
def lanes(typing: Any, array: Any, size: Any) -> Any:  # noqa: ARG001 - numba passes the typing context
    """Return zeros of the array's item type in a vector of ``size`` bytes (a literal)."""
    kind = Lanes(array.dtype, size.literal_value * 8 // array.dtype.bitwidth)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return ir.Constant(_vector(context, kind), [0] * kind.count)

    return kind(array, size), code


@intrinsic
def alike(typing: Any, array: Any, like: Any) -> Any:  # noqa: ARG001
    """Return zeros of the array's item type in as many lanes as another vector has."""
    kind = Lanes(array.dtype, like.count)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return ir.Constant(_vector(context, kind), [0] * kind.count)

    return kind(array, like), code


@intrinsic
def count(typing: Any, vector: Any) -> Any:  # noqa: ARG001
    """Return how many lanes a vector has."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return ir.Constant(ir.IntType(64), vector.count)

    return types.uint64(vector), code


@intrinsic
def splat(typing: Any, scalar: Any, like: Any) -> Any:  # noqa: ARG001
    """Return a scalar in every lane."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        vector = _vector(context, like)
        return _repeat(builder, vector, _as_item(builder, vector, arguments[0]))

    return like(scalar, like), code


@intrinsic
def items(typing: Any, array: Any) -> Any:  # noqa: ARG001
    """Return the address of a contiguous array's items.

    Unlike the array it counts no references, which cost more than the work itself; the caller keeps the array alive.
    """
    if array.layout != "C":
        raise TypingError(f"items() takes contiguous arrays, not {array}")

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), code


@intrinsic
def beyond(typing: Any, array: Any, start: Any) -> Any:  # noqa: ARG001
    """Return the address of the items from ``start`` on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return _item(builder, *arguments)

    return array(array, start), code


@intrinsic
def put(typing: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Write one item."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        item = context.cast(builder, arguments[2], signature.args[2], signature.args[0].dtype)
        builder.store(item, _item(builder, arguments[0], arguments[1]))
        return context.get_dummy_value()

    return types.void(array, index, value), code


@intrinsic
def at(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Return one item; an integer that counts comes out as an unsigned 64-bit one."""
    integer = isinstance(array.dtype, types.Integer)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        value = builder.load(_item(builder, arguments[0], arguments[1]))
        wide = ir.IntType(64)
        return builder.zext(value, wide) if integer and value.type != wide else value

    return (types.uint64 if integer else array.dtype)(array, index), code


@intrinsic
def load(typing: Any, array: Any, index: Any, like: Any) -> Any:  # noqa: ARG001
    """Return the lanes ``array[index], array[index + 1], ...``."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item(builder, arguments[0], arguments[1])
        vector = _vector(context, like)
        return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=signature.args[0].dtype.bitwidth // 8)

    return like(array, index, like), code


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Write the lanes to ``array[index], array[index + 1], ...``."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _item(builder, arguments[0], arguments[1])
        vector = arguments[2]
        builder.store(
            vector, builder.bitcast(pointer, vector.type.as_pointer()), align=signature.args[0].dtype.bitwidth // 8
        )
        return context.get_dummy_value()

    return types.void(array, index, value), code


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return a + b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fadd(*arguments, flags=("contract",))

    return a(a, b), code


@intrinsic
def sub(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return a - b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fsub(*arguments, flags=("contract",))

    return a(a, b), code


@intrinsic
def mul(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return a * b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fmul(*arguments, flags=("contract",))

    return a(a, b), code


@intrinsic
def less_equal(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return where a <= b; never where either is missing."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fcmp_ordered("<=", *arguments)

    return Mask(a.count)(a, b), code


@intrinsic
def select(typing: Any, where: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return a where the mask holds, else b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.select(*arguments)

    return a(where, a, b), code


@intrinsic
def has_bit(typing: Any, words: Any, bit: Any) -> Any:  # noqa: ARG001
    """Return where a bit of the words is set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        vector = _vector(context, words)
        one = builder.shl(ir.Constant(vector.element, 1), _as_item(builder, vector, arguments[1]))
        found = builder.and_(arguments[0], _repeat(builder, vector, one))
        return builder.icmp_unsigned("!=", found, ir.Constant(vector, [0] * vector.count))

    return Mask(words.count)(words, bit), code


@intrinsic
def both(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return where both masks hold."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.and_(*arguments)

    return a(a, b), code


@intrinsic
def but_not(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """Return where mask a holds and b does not."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.and_(arguments[0], builder.not_(arguments[1]))

    return a(a, b), code


@intrinsic
def bits(typing: Any, where: Any) -> Any:  # noqa: ARG001
    """Return a mask as the low bits of an unsigned number."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(where.count)), ir.IntType(64))

    return types.uint64(where), code


@intrinsic
def mask(typing: Any, number: Any, like: Any) -> Any:  # noqa: ARG001
    """Return the mask that `bits` made a number of; ``like`` has as many lanes."""
    kind = Mask(like.count)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        narrow = builder.trunc(arguments[0], ir.IntType(kind.count))
        return builder.bitcast(narrow, _vector(context, kind))

    return kind(number, like), code


@njit(nogil=True)
def aligned(n, dtype):
    """Return an array of n items at a multiple of 64 bytes, so that no vector lies across two cache lines."""
    room = np.empty(n + 64, dtype)
    skip = (-(room.ctypes.data // room.itemsize)) % (64 // room.itemsize)
    return room[skip : skip + n]
