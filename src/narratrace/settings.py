"""All options of the command line in one tree, and where their values come from.

A configuration file (YAML) holds sections by station, as ``narratrace config --show`` lists them; on the
command line ``--set section.option=value`` goes before the file, and so do the shortcuts for the options that
are set most often.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import field

from narratrace.corpus.options import RunOptions
from narratrace.device import parse_device
from narratrace.errors import OptionError
from narratrace.options import from_mapping, is_section, parse_yaml, read_yaml, type_at
from narratrace.recipe import EngineOptions
from narratrace.report.options import ReportOptions
from narratrace.understand.classifier import parse_classifier
from narratrace.understand.transcriber import parse_transcriber


class Settings(EngineOptions, frozen=True, kw_only=True):
    """The engine's options, those of a run over many recordings, and those of its report."""

    run: RunOptions = field(default_factory=RunOptions)
    report: ReportOptions = field(default_factory=ReportOptions)

    @property
    def engine(self) -> EngineOptions:
        """What decides on results, without how the run is carried out."""
        return EngineOptions(**{name: getattr(self, name) for name in EngineOptions.__struct_fields__})


def load_settings(
    config: Path | None = None,
    assignments: Sequence[str] = (),
    shortcuts: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Defaults, overlaid by a file, overlaid by single values.

    Args:
        config: YAML file, None for none.
        assignments: ``section.option=value`` each; texts need no quotes, all else is written as in YAML.
        shortcuts: Values by dotted name; None leaves an option alone.
        defaults: Values by dotted name that go before the options' own defaults.

    Raises:
        OptionError: a file cannot be read, an option does not exist, or a value is not accepted.
    """
    values = dict(read_yaml(config)) if config else {}
    from_mapping(Settings, values, input=str(config))  # so that the error names the file
    for name, value in (defaults or {}).items():
        if not _given(values, name.split(".")):
            _put(values, name.split("."), value)
    for name, value in (shortcuts or {}).items():
        if value is not None:
            _put(values, name.split("."), value)
    fault = None  # of the first assignment that is not accepted, unless a later one mends it
    for assignment in assignments:
        path, value = _parse(assignment)
        _put(values, path, value)
        try:
            from_mapping(Settings, values, input=f"--set {assignment}")
        except OptionError as error:
            fault = fault or error
    try:
        settings = from_mapping(Settings, values, input="command line")
    except OptionError as error:
        raise fault or error from None
    parse_device(settings.device)
    parse_transcriber(settings.transcribe.asr)
    parse_classifier(settings.classify.classifier)
    return settings


def _parse(assignment: str) -> tuple[list[str], Any]:
    name, equals, text = assignment.partition("=")
    path = name.strip().split(".")
    if not equals or not all(path):
        raise OptionError(
            "is no assignment",
            station="options",
            input=f"--set {assignment}",
            expected="SECTION.OPTION=VALUE",
        )
    if _is_text(type_at(Settings, path)):  # otherwise a language called `no` would become false
        return path, text.strip()
    value = parse_yaml(text, input=f"--set {assignment}")
    # In a file this is a section whose options are all commented out.
    return path, "" if value is None and is_section(type_at(Settings, path)) else value


def _is_text(kind: Any) -> bool:
    choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    return kind is str or (bool(choices) and all(isinstance(choice, str) for choice in choices))


def _given(values: Any, path: Sequence[str]) -> bool:
    """Whether nested dictionaries hold a value at the path."""
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value into nested dictionaries without changing those that were handed in."""
    *folders, name = path
    for folder in folders:
        inner = values.get(folder)
        values[folder] = values = dict(inner) if isinstance(inner, Mapping) else {}
    values[name] = value
