"""Rules by which whole recordings are dropped, each with its figures in the reason; all off by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

from msgspec import Struct
from msgspec.structs import force_setattr

from narratrace.data.analysis import VideoStats
from narratrace.data.outcome import Dropped
from narratrace.errors import OptionError
from narratrace.languages import known_language
from narratrace.options import option, refuse_reversed


class FilterOptions(Struct, frozen=True, kw_only=True):
    """Limits on :class:`VideoStats`; 0, or an empty list, leaves a rule off.

    A figure that is not known (no words, no classifier, a single keyframe) drops nothing: ask for words with
    ``min_speech_share``.

    Raises:
        OptionError: a language is not known, or no recording lies within two limits.
    """

    min_duration_s: Annotated[float, option("shortest recording", unit="s", ge=0)] = 0.0
    max_duration_s: Annotated[
        float, option("longest recording", unit="s", source="published corpus: 222 s on average", ge=0)
    ] = 0.0
    min_speech_share: Annotated[
        float, option("least share of the time with speech", source="ours: try 0.1", ge=0, le=1)
    ] = 0.0
    min_spw: Annotated[
        float,
        option(
            "least seconds of speech per word", unit="s", source="ours: nobody speaks faster than 0.15", ge=0
        ),
    ] = 0.0
    max_spw: Annotated[
        float,
        option("most seconds of speech per word", unit="s", source="ours: over 2, words are missing", ge=0),
    ] = 0.0
    min_stable_share: Annotated[
        float, option("least share of the time with a still picture", source="ours: try 0.2", ge=0, le=1)
    ] = 0.0
    min_pointer_share: Annotated[
        float, option("least share of the time with a visible pointer", source="ours: try 0.05", ge=0, le=1)
    ] = 0.0
    min_medical_share: Annotated[
        float, option("least share of keyframes that are medical", source="ours: try 0.1", ge=0, le=1)
    ] = 0.0
    min_narrative_score: Annotated[
        float,
        option(
            "least share of keyframes that nearly repeat a neighbour", source="published: 0.1", ge=0, le=1
        ),
    ] = 0.0
    languages: Annotated[
        tuple[str, ...],
        option("wanted languages: ISO 639 codes or English names", source="published corpus: en"),
    ] = ()

    def __post_init__(self) -> None:
        for what in ("duration_s", "spw"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if high:
                refuse_reversed(
                    f"filters.max_{what}", low, high, station="understand", other=f"filters.min_{what}"
                )
        codes = dict.fromkeys(_code(name) for name in self.languages)
        force_setattr(self, "languages", tuple(codes))


def _code(name: str) -> str:
    code = known_language(name)
    if not code:
        raise OptionError(
            f"{name!r} is no known language",
            station="understand",
            input="filters.languages",
            expected="ISO 639 codes or English names, such as [en, deu, French]",
        )
    return code


class _Limit(Struct, frozen=True):
    """One lower or upper bound: which option holds it and which figure it bounds."""

    rule: str
    figure: Callable[[VideoStats], float | None]
    what: str

    def broken(self, stats: VideoStats, options: FilterOptions) -> str | None:
        bound, value = getattr(options, self.rule), self.figure(stats)
        if not bound or value is None:
            return None
        upper = self.rule.startswith("max_")
        if (value <= bound) if upper else (value >= bound):
            return None
        return f"{self.what} {value:.4g} {'>' if upper else '<'} {bound:g}"


_LIMITS = (
    _Limit("min_duration_s", lambda stats: stats.duration, "duration in seconds"),
    _Limit("max_duration_s", lambda stats: stats.duration, "duration in seconds"),
    _Limit("min_speech_share", lambda stats: stats.speech_share, "share with speech"),
    _Limit("min_spw", lambda stats: stats.spw, "seconds per word"),
    _Limit("max_spw", lambda stats: stats.spw, "seconds per word"),
    _Limit("min_stable_share", lambda stats: stats.stable_share, "share with a still picture"),
    _Limit("min_pointer_share", lambda stats: stats.pointer_share, "share with a pointer"),
    _Limit("min_medical_share", lambda stats: stats.medical_share, "share of medical keyframes"),
    _Limit("min_narrative_score", lambda stats: stats.narrative_score, "narrative score"),
)


def apply(video_id: str, stats: VideoStats, language: str, options: FilterOptions) -> Dropped | None:
    """The first rule that a recording breaks, in the order of :class:`FilterOptions`, or None to keep it.

    Args:
        video_id: The recording.
        stats: Its figures.
        language: ISO 639-1 code of its speech, empty when unknown.
        options: The rules.
    """
    for rule, reason in _broken(stats, language, options):
        return Dropped(video_id=video_id, rule=rule, reason=reason)
    return None


def _broken(stats: VideoStats, language: str, options: FilterOptions) -> Iterator[tuple[str, str]]:
    for limit in _LIMITS:
        reason = limit.broken(stats, options)
        if reason:
            yield limit.rule, reason
    if options.languages and language and language not in options.languages:
        yield "languages", f"speech in {language}, wanted {', '.join(options.languages)}"
