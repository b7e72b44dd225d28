"""For tests in which both a result and one kind of error are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def attempt(kind: type[E], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | E:
    """What the function returns, or its error if it is of this kind; any other error goes through."""
    try:
        return function(*args, **kwargs)
    except kind as error:
        return error
