"""The HTML a person looks at: one self-contained file about an output folder.

The report only reads: the ledger or the index say what there is (:mod:`.inventory`), analysis and shards give
the pages of single recordings (:mod:`.recording`, :mod:`.samples`), and :mod:`.build` writes the file in one
go. What is shown is data in JSON blocks; the scripts beside this module turn it into pages in the browser.
"""

from narratrace.report.build import build_report
from narratrace.report.options import ReportOptions

__all__ = ["ReportOptions", "build_report"]
