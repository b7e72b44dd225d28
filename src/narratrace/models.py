"""What a station asks of a model, and who holds it: this process, or one that several share.

Note [Shared models]
~~~~~~~~~~~~~~~~~~~~
A station prepares items (spectrograms, pixels) and hands them to a model that it knows by this contract
alone. Whoever owns the station decides where the model is: in the same process, as a rule, or in one process
for all workers of a card, where items of many recordings fill one batch. An answer depends on its item and on
nothing else, so it makes no difference to the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Model(Protocol):
    """A loaded model; answers from several threads at a time.

    Attributes:
        facts: What has to be known to prepare items. Must pickle.
        most: Items of any recordings that it answers together at best; 0 where the items of one recording
            should be answered by themselves.
    """

    facts: Any
    most: int

    def answer(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Each item's position and answer, in any order, as they become ready: a sign of life each.

        Args:
            items: Must pickle, as must the answers. An answer depends on its own item alone.
        """

    def close(self) -> None:
        """Give everything back."""


class Models(Protocol):
    """Where the models of a stage are."""

    def call(self, function: Callable[[], T]) -> T:
        """What ``function`` returns or raises where the models are, as whether a card can be used there.

        Args:
            function: Must pickle, as must what it returns.
        """

    def open(self, name: str, make: Callable[[], Model]) -> Model:
        """A model, loaded unless it is there.

        Args:
            name: Of the station.
            make: Loads it; the same for all who ask for that name. Must pickle.

        Raises:
            NarratraceError: what ``make`` raises.
        """


class OwnModels:
    """The :class:`Models` of a process that shares none."""

    def call(self, function: Callable[[], T]) -> T:
        """What ``function`` returns."""
        return function()

    def open(self, name: str, make: Callable[[], Model]) -> Model:  # noqa: ARG002  # of the contract
        """The model, loaded here."""
        return make()


OWN_MODELS = OwnModels()
"""For stages that nobody tells otherwise."""


def answers(model: Model, items: Sequence[Any], heard: Callable[[], object] = lambda: None) -> list[Any]:
    """One answer per item, in the same order.

    Args:
        model: Whom to ask.
        items: What about.
        heard: Called with every answer.

    Raises:
        RuntimeError: the model left an item without an answer.
    """
    found = {}
    for position, answer in model.answer(items):
        heard()
        found[position] = answer
    if set(found) != set(range(len(items))):
        raise RuntimeError(f"{len(items)} items were asked about, and {sorted(found)} answered")
    return [found[i] for i in range(len(items))]
