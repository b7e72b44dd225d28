"""What sorted values tell, without what NumPy first loads for it.

np.unique and np.median ask whether an array is a masked one. The first time, that loads all of numpy.ma,
which takes as long as many a recording is searched.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Integer = TypeVar("Integer", bound=np.integer)


def distinct(values: npt.NDArray[Integer]) -> npt.NDArray[Integer]:
    """The different values of an array in ascending order."""
    unique: npt.NDArray[Integer]
    unique, _ = np.unique(values, return_counts=True)  # asked for this, it does not ask
    return unique


def median(values: npt.ArrayLike) -> float:
    """The median of all values, of an even number the mean of the two in the middle; NaN of none."""
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    n = len(ordered)
    return 0.5 * float(ordered[(n - 1) // 2] + ordered[n // 2]) if n else float("nan")
