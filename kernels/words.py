"""Sixteen bytes at a time: vector loads and stores, and counting differing bytes eight at once.

Note [Counting in words]
~~~~~~~~~~~~~~~~~~~~~~~~
Whether ``|a - b| > t`` is found for four bytes at once in a 64-bit word of four 16-bit lanes. With one byte
a lane, ``a + (511 - t) - b`` reaches 512, which is bit 9, exactly if ``a - b > t``; no lane ever borrows from
or carries into its neighbour. The same with ``a`` and ``b`` exchanged gives the other sign. The bytes of even
and of odd places are two such words, and the lanes are added up in the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, types

SIMULATED = bool(config.ENABLE_CUDASIM)
"""Whether kernels run in the simulator, which cannot run code written for a compiler."""

_LANES = np.uint64(0x00FF00FF00FF00FF)
_REACHED = np.uint64(0x0200020002000200)
_ONES = np.uint64(0x0001000100010001)
_PAIRS = np.uint64(0x0000FFFF0000FFFF)
_LOW = np.uint64(0x00000000FFFFFFFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ZERO, _ONE, _EIGHT = np.uint64(0), np.uint64(1), np.uint64(8)

if SIMULATED:

    def device(function: Any) -> Any:
        """Makes a function callable from kernels: as it is."""
        return function

    def load16(array: Any, picture: int, row: int, pair: int) -> Any:
        """The two words at ``array[picture, row, 2 * pair]``."""
        return array[picture, row, 2 * pair], array[picture, row, 2 * pair + 1]

    def store16(array: Any, picture: int, row: int, pair: int, low: Any, high: Any) -> None:
        """Writes two words to ``array[picture, row, 2 * pair]``."""
        array[picture, row, 2 * pair] = low
        array[picture, row, 2 * pair + 1] = high

else:
    from llvmlite import ir
    from numba import cuda
    from numba.cuda import cgutils
    from numba.cuda.extending import intrinsic

    def device(function: Any) -> Any:
        """Makes a function callable from kernels: part of them, before they are compiled for a card."""
        return cuda.jit(device=True, inline="always")(function)

    def _vector_pointer(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        """Address of a pair of words, as a pointer to a vector of two."""
        array = context.make_array(sig.args[0])(context, builder, args[0])
        places = [args[1], args[2], builder.shl(args[3], ir.Constant(args[3].type, 1))]
        pointer = cgutils.get_item_pointer(context, builder, sig.args[0], array, places, wraparound=False)
        return builder.bitcast(pointer, ir.VectorType(ir.IntType(64), 2).as_pointer())

    @intrinsic
    def load16(_typing: Any, array: Any, picture: Any, row: Any, pair: Any) -> Any:
        """The two words at ``array[picture, row, 2 * pair]``, in one aligned 16-byte load."""
        sig = types.UniTuple(types.uint64, 2)(array, types.intp, types.intp, types.intp)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector = builder.load(_vector_pointer(context, builder, sig, args))
            vector.align = 16
            words = [builder.extract_element(vector, ir.Constant(ir.IntType(32), i)) for i in range(2)]
            return context.make_tuple(builder, sig.return_type, words)

        return sig, generate

    @intrinsic
    def store16(_typing: Any, array: Any, picture: Any, row: Any, pair: Any, low: Any, high: Any) -> Any:
        """Writes two words to ``array[picture, row, 2 * pair]``, in one aligned 16-byte store."""
        sig = types.void(array, types.intp, types.intp, types.intp, types.uint64, types.uint64)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector: Any = ir.Constant(ir.VectorType(ir.IntType(64), 2), ir.Undefined)
            for i in range(2):
                vector = builder.insert_element(vector, args[4 + i], ir.Constant(ir.IntType(32), i))
            builder.store(vector, _vector_pointer(context, builder, sig, args)).align = 16
            return context.get_dummy_value()

        return sig, generate


def slack(threshold: int) -> np.uint64:
    """The second operand of :func:`differing` for a threshold of 1 to 254 levels."""
    return np.uint64((511 - threshold) * int(_ONES))


@device
def add_lanes(word: Any) -> Any:
    """The sum of four 16-bit lanes."""
    pairs = (word & _PAIRS) + ((word >> np.uint64(16)) & _PAIRS)
    return np.int32((pairs & _LOW) + (pairs >> np.uint64(32)))


@device
def differing(a: Any, b: Any, slack: Any) -> Any:
    """How many of eight bytes differ by more than a threshold, see Note [Counting in words]."""
    a_even, b_even = a & _LANES, b & _LANES
    a_odd, b_odd = (a >> _EIGHT) & _LANES, (b >> _EIGHT) & _LANES
    even = (a_even + (slack - b_even)) | (b_even + (slack - a_even))
    odd = (a_odd + (slack - b_odd)) | (b_odd + (slack - a_odd))
    return add_lanes(((even & _REACHED) + (odd & _REACHED)) >> np.uint64(9))


@device
def first_bytes(count: Any) -> Any:
    """A mask of the first ``count`` bytes of a word; all for more than eight, none for less than one."""
    if count >= 8:
        return _ALL
    if count <= 0:
        return _ZERO
    return (_ONE << np.uint64(8 * count)) - _ONE


@device
def _pack_lanes(word: Any) -> Any:
    """Four bytes out of four 16-bit lanes."""
    pairs = (word | (word >> _EIGHT)) & _PAIRS
    return (pairs | (pairs >> np.uint64(16))) & _LOW


@device
def even_bytes(low: Any, high: Any) -> Any:
    """The bytes at even places of two words, as one."""
    return _pack_lanes(low & _LANES) | (_pack_lanes(high & _LANES) << np.uint64(32))
