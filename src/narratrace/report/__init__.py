"""The HTML a person looks at: one self-contained file about an output folder.

The report only reads: the ledger or the index say what there is (:mod:`.inventory`), analysis and shards give
the pages of single recordings (:mod:`.recording`, :mod:`.samples`), and :mod:`.build` writes the file in one
go. What is shown is data in JSON blocks; the scripts beside this module turn it into pages in the browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from narratrace.report.options import ReportOptions

if TYPE_CHECKING:
    from narratrace.report.build import build_report

__all__ = ["ReportOptions", "build_report"]


def __getattr__(name: str) -> Any:
    # Every command reads the options; few build a report.
    if name != "build_report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from narratrace.report.build import build_report

    return build_report
