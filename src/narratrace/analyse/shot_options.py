"""When a change of content begins a new shot."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from narratrace.analyse.aligning import AlignmentOptions
from narratrace.analyse.registration import MotionOptions
from narratrace.analyse.scrolling import ScrollOptions
from narratrace.analyse.slices import SliceOptions
from narratrace.analyse.subtitles import SubtitleOptions
from narratrace.options import option


class ShotOptions(Struct, frozen=True, kw_only=True):
    """See Note [Shots and changes]."""

    min_stable_s: Annotated[
        float, option("shortest stable span", unit="s", gt=0, source="ours; the published method uses 3 s")
    ] = 2.0
    min_changed: Annotated[
        float,
        option(
            "share of the picture that changes, at least, when a shot begins",
            ge=0,
            le=1,
            source="slides with other bullets under the same heading 0.0046 or more",
        ),
    ] = 0.004
    min_lost: Annotated[
        float, option("share of the old picture's edges that are gone when a shot begins", ge=0, le=1)
    ] = 0.04
    min_replaced: Annotated[
        float,
        option(
            "share of edges gone for share of edges new, or the other way round, when a shot begins",
            ge=0,
            le=1,
            source="bullets and pop-ups stay below 0.15; slides that differ in a label reach 0.27",
        ),
    ] = 0.21
    small_changed: Annotated[
        float, option("share of changed pixels below which `min_strong` is asked for", ge=0, le=1)
    ] = 0.05
    min_strong: Annotated[
        float,
        option(
            "share of a small change's pixels that must change strongly",
            ge=0,
            le=1,
            source="hovering and highlighting stay below 0.4, slides that differ in a label exceed 0.54",
        ),
    ] = 0.5
    faint_replaced: Annotated[
        float,
        option(
            "share of edges that others replace with which a small, faint change begins a shot all the same",
            ge=0,
            le=1,
        ),
    ] = 0.25
    wiped_changed: Annotated[
        float, option("share of changed pixels with which a shot begins if `wiped_lost` is gone", ge=0, le=1)
    ] = 0.25
    wiped_lost: Annotated[float, option("see wiped_changed", ge=0, le=1)] = 0.5
    page_tinted: Annotated[
        float,
        option(
            "share of the picture that gets another tint, with which a shot begins if `wiped_lost` is gone",
            ge=0,
            le=1,
        ),
    ] = 0.6
    filled_gained: Annotated[
        float,
        option(
            "share of new edges with which a change of `wiped_changed` in several places begins a shot: the "
            "screen was blank",
            ge=0,
            le=1,
            source="after blanked screens with a task bar or a webcam 0.88 or more are new",
        ),
    ] = 0.85
    picture_changed: Annotated[
        float,
        option(
            "share of changed pixels with which a picture gives way to another in its place",
            ge=0,
            le=1,
            source="two exchanges in a viewer 0.38 and 0.43; a picture laid over a part of another 0.09",
        ),
    ] = 0.15
    picture_filled: Annotated[
        float,
        option(
            "share of the pixels of its box that such a picture changes",
            ge=0,
            le=1,
            source="in 41 recordings 0.73 or more at such exchanges, 0.52 or less from slice to slice "
            "of a scan",
        ),
    ] = 0.62
    picture_edges: Annotated[
        float,
        option(
            "share of edges gone from the box, or of edges new in it, when a picture gives way to another",
            ge=0,
            le=1,
            source="two exchanges of pictures in a viewer 0.76 and 0.87",
        ),
    ] = 0.4
    stands_out: Annotated[
        int,
        option("contrast of what stands out from the page around a picture", unit="levels", ge=0, le=255),
    ] = 24
    picture_shown: Annotated[
        float,
        option(
            "share of a picture's box that stands out from the page, before and after",
            ge=0,
            le=1,
            source="two exchanges in a viewer 0.26 and 0.43, a picture that came onto a page 0.03 before",
        ),
    ] = 0.2
    dissolve_left: Annotated[
        float,
        option(
            "share of the difference of two pictures that is left, at most, when those between are blends",
            ge=0,
            le=1,
            source="dissolves and fading pop-ups of 17 recordings leave 0.14 or less, slices that pass, in "
            "2, 0.19 or more",
        ),
    ] = 0.16
    all_changed: Annotated[
        float,
        option("share of changed pixels that always begins a shot, even from an empty picture", ge=0, le=1),
    ] = 0.8
    fade_s: Annotated[float, option("transitions longer than this are fades", unit="s", gt=0)] = 0.15
    min_settled_s: Annotated[
        float, option("shortest still that is no part of a transition", unit="s", ge=0)
    ] = 0.4
    max_passing_s: Annotated[
        float, option("longest still that may be a moment of a slow transition", unit="s", ge=0)
    ] = 1.2
    begun: Annotated[
        float, option("share of a transition that has happened when it is said to begin", ge=0, le=1)
    ] = 0.1
    passing_s: Annotated[float, option("time between thumbnails of a transition", unit="s", ge=0)] = 0.06
    motion: MotionOptions = field(default_factory=MotionOptions)
    alignment: AlignmentOptions = field(default_factory=AlignmentOptions)
    slices: SliceOptions = field(default_factory=SliceOptions)
    scrolling: ScrollOptions = field(default_factory=ScrollOptions)
    subtitles: SubtitleOptions = field(default_factory=SubtitleOptions)
