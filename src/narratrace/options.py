"""How options are declared, validated, loaded from YAML and shown.

Every number a user can set is a field of a small frozen struct next to the code it steers, declared as

    min_stable_s: Annotated[float, option("shortest stable span", unit="s", source="...", ge=0)] = 2.0

so that one declaration serves the type checker, the validator, ``narratrace config --show`` and the docs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from narratrace.errors import OptionError

T = TypeVar("T")


def option(
    doc: str,
    *,
    unit: str = "",
    source: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    pattern: str | None = None,
) -> msgspec.Meta:
    """Metadata of one option field, to be used inside ``Annotated``.

    Args:
        doc: Meaning, one line.
        unit: Physical unit, empty for counts and names.
        source: Where the default comes from: a publication, a measurement, a choice of ours.
        ge: Inclusive lower bound.
        gt: Exclusive lower bound.
        le: Inclusive upper bound.
        pattern: Regular expression a string must contain.
    """
    bounds: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "pattern": pattern}
    meta: msgspec.Meta = msgspec.Meta(description=doc, extra={"unit": unit, "source": source}, **bounds)
    return meta


def refuse_reversed(name: str, low: float, high: float, *, station: str, other: str = "") -> None:
    """Refuse a pair of limits between which nothing lies.

    Args:
        name: Of the upper limit, or of the option that holds both.
        low, high: The limits.
        station: Whose options they are.
        other: Name of the lower limit, where it is an option of its own.

    Raises:
        OptionError: the upper limit is below the lower.
    """
    if high < low:
        expected = f"{name} >= {other}" if other else "the smaller one first"
        raise OptionError(f"{high:g} is less than {low:g}", station=station, input=name, expected=expected)


class OptionRow(Struct, frozen=True):
    """One line of ``narratrace config --show``."""

    path: str
    value: Any
    default: Any
    type: str
    unit: str
    doc: str
    source: str


def validate(options: T) -> T:
    """The same options, checked field by field against their declared types and bounds.

    Raises:
        OptionError: naming the field and what it accepts.
    """
    return _converted(type(options), msgspec.to_builtins(options), "options")


def given(options: T | None, kind: type[T]) -> T:
    """Options that a caller handed in, checked; the defaults where there are none.

    Raises:
        OptionError: they are something else, or a field is not accepted.
    """
    if options is None:
        return kind()
    if not isinstance(options, kind):
        raise OptionError(
            f"{options!r} is no {kind.__name__}", station="options", expected=f"{kind.__name__}(...), or None"
        )
    return validate(options)


def from_mapping(kind: type[T], values: Mapping[str, Any], *, input: str = "options") -> T:
    """Options of ``kind`` from nested mappings; unknown names are refused rather than ignored.

    A section may be None, which is what YAML makes of one whose options are all commented out.

    Raises:
        OptionError: naming the field and what it accepts.
    """
    _refuse_unknown(kind, values, "", input)
    return _converted(kind, _without_empty(kind, values), input)


def _without_empty(kind: Any, values: Any) -> Any:
    if not (is_section(kind) and isinstance(values, Mapping)):
        return values
    kinds = {name: _split(field.type)[0] for name, field in _fields(kind).items()}
    return {
        name: _without_empty(kinds[name], value)
        for name, value in values.items()
        if not (value is None and is_section(kinds[name]))
    }


def _converted(kind: type[T], values: Mapping[str, Any], input: str) -> T:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise OptionError(
            f"{name}: {message}" if name else message,
            station="options",
            input=input,
            expected="" if message.startswith("Expected") else _accepted(kind, name),
        ) from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file, not checked against any options yet; empty for an empty file.

    Raises:
        OptionError: the file is missing, is not YAML, or holds no mapping.
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"), input=str(path)) or {}
    except OSError as error:
        raise OptionError(f"cannot be read: {error.strerror}", station="options", input=str(path)) from error
    except UnicodeDecodeError as error:
        raise OptionError(f"is not UTF-8: {error.reason}", station="options", input=str(path)) from error
    if not isinstance(values, dict):
        raise OptionError(
            "holds no mapping", station="options", input=str(path), expected="station: {option: value}"
        )
    return values


def parse_yaml(text: str, *, input: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        OptionError: it is not YAML, or a name stands twice in a mapping.
    """
    import yaml

    try:
        _refuse_repeated(yaml.compose(text, yaml.SafeLoader), input)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        fault = " ".join(str(error).split())  # the parser draws a picture over several lines
        raise OptionError(f"is not YAML: {fault}", station="options", input=input) from error


def _refuse_repeated(root: Any, input: str) -> None:
    """Refuse a name that stands twice in a mapping: YAML's own reader has the last one win in silence."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # named by an alias, perhaps within itself
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += node.value
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value if isinstance(node, MappingNode) else ():
            waiting.append(value)
            if not isinstance(key, ScalarNode):
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise OptionError(
                    f"line {line}: {key.value!r} stands in line {lines[name]} already",
                    station="options",
                    input=input,
                    expected="each name once",
                )
            lines[name] = line


def rows(options: Any, prefix: str = "") -> Iterator[OptionRow]:
    """Every option below ``options`` with its value, default, unit, meaning and source."""
    for name, field in _fields(type(options)).items():
        path, value = f"{prefix}{name}", getattr(options, name)
        if isinstance(value, Struct):
            yield from rows(value, path + ".")
            continue
        bare, meta = _split(field.type)
        extra = (meta.extra if meta else None) or {}
        yield OptionRow(
            path=path,
            value=value,
            default=_default(field),
            type=_type_name(bare),
            unit=extra.get("unit", ""),
            doc=(meta.description if meta else None) or "",
            source=extra.get("source", ""),
        )


def _fields(kind: Any) -> dict[str, FieldInfo]:
    return {field.name: field for field in fields(kind)}


def is_section(kind: Any) -> bool:
    """Whether a type of options holds options itself."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _accepted(kind: Any, path: str) -> str:
    """What an option takes by its dotted name, empty where that is no plain option."""
    found = type_at(kind, path.split("."))
    return "" if found is None or is_section(found) else _type_name(found)


def _split(hint: Any) -> tuple[Any, msgspec.Meta | None]:
    if typing.get_origin(hint) is typing.Annotated:
        bare, *metas = typing.get_args(hint)
        return bare, next((m for m in metas if isinstance(m, msgspec.Meta)), None)
    return hint, None


def _default(field: FieldInfo) -> Any:
    if field.default is not NODEFAULT:
        return field.default
    return field.default_factory() if callable(field.default_factory) else None


def type_at(kind: Any, path: Sequence[str]) -> Any:
    """Type of the option at a path below ``kind``, without its metadata; None where there is none."""
    for name in path:
        field = _fields(kind).get(name) if is_section(kind) else None
        kind = _split(field.type)[0] if field else None
    return kind


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(str(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " | ".join(_type_name(part) for part in typing.get_args(hint))
    return str(getattr(hint, "__name__", hint)) if not typing.get_args(hint) else str(hint)


def _refuse_unknown(kind: Any, values: Any, prefix: str, input: str) -> None:
    if not (is_section(kind) and isinstance(values, Mapping)):
        return
    known = _fields(kind)
    for name, value in values.items():
        if name not in known:
            raise OptionError(
                f"there is no option {prefix}{name}",
                station="options",
                input=input,
                expected="one of " + ", ".join(sorted(known)),
            )
        _refuse_unknown(_split(known[name].type)[0], value, f"{prefix}{name}.", input)
