"""How much a report shows."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from narratrace.options import option

_OURS = "choice of ours"


class ReportOptions(Struct, frozen=True, kw_only=True):
    """Bounds of a report; whatever they leave out, the report says so."""

    max_mb: Annotated[
        float,
        option(
            "most pictures, clips and data in the file; shared out evenly between the recordings",
            unit="MB",
            source="a browser opens it from disk in about a second",
            gt=0,
        ),
    ] = 64.0
    max_videos: Annotated[
        int, option("recordings with a page of their own, spread evenly over the run", source=_OURS, ge=0)
    ] = 50
    videos: Annotated[
        tuple[str, ...], option("video ids that get a page before any other", source=_OURS)
    ] = ()
    max_samples: Annotated[
        int, option("samples of each kind on a recording's page, spread evenly over it", source=_OURS, ge=0)
    ] = 40
    max_listed: Annotated[
        int, option("rows in the lists of recordings, of drops and of failures", source=_OURS, ge=0)
    ] = 1_000
    picture_width: Annotated[
        int,
        option("pictures that are wider are made smaller", unit="px", source="a page is no wider", ge=64),
    ] = 1280
