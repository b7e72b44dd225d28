"""How many recordings may fail before a run counts as broken rather than unlucky."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from narratrace.data.outcome import Failed, Outcome
from narratrace.errors import BudgetExceeded
from narratrace.options import option


class BudgetOptions(Struct, frozen=True, kw_only=True):
    """The failure budget of a run; dropped recordings are no failures."""

    max_failed: Annotated[int, option("failed recordings a run survives, 0 for any number", ge=0)] = 0
    max_failed_share: Annotated[
        float,
        option(
            "share of the finished recordings that may have failed",
            source="choice: public video collections lose a tenth to damage; beyond half, the run is broken",
            gt=0,
            le=1,
        ),
    ] = 0.5
    judged_after: Annotated[
        int,
        option("finished recordings from which on the share counts", source="choice: fewer are chance", ge=1),
    ] = 20


class FailureBudget:
    """Counts outcomes against :class:`BudgetOptions`; used by one thread.

    Attributes:
        finished: Outcomes seen.
        failed: Failures among them.
    """

    def __init__(self, options: BudgetOptions | None = None) -> None:
        self._options = options or BudgetOptions()
        self._last: Failed | None = None
        self.finished = 0
        self.failed = 0

    def note(self, outcome: Outcome[Any]) -> None:
        """Count one outcome."""
        self.finished += 1
        if isinstance(outcome, Failed):
            self.failed += 1
            self._last = outcome

    def check(self) -> None:
        """Say whether to go on.

        Raises:
            BudgetExceeded: more recordings failed than the options allow.
        """
        reason = self._reason()
        if reason:
            last = self._last
            raise BudgetExceeded(
                reason,
                station="pipeline",
                input=last.uri if last else "",
                expected="fewer failures (run.budget.max_failed, run.budget.max_failed_share)",
                cause=f"the last one: {last.station}: {last.message}" if last else "",
            )

    def _reason(self) -> str:
        options = self._options
        if options.max_failed and self.failed > options.max_failed:
            return f"{self.failed} recordings failed, {options.max_failed} may"
        if self.finished >= options.judged_after and self.failed > options.max_failed_share * self.finished:
            return (
                f"{self.failed} of {self.finished} recordings failed, a share of "
                f"{options.max_failed_share:g} may"
            )
        return ""
