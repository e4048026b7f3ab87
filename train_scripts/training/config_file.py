"""From a TOML file and `key=value` arguments to frozen dataclasses; unknown keys and wrong types are named."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from mean_model.config import MeanConfig
from mean_model.errors import ConfigError

T = TypeVar("T")

WORDS = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}


def read_settings(file: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A TOML file with `key=value` on top (`section.key=value` within a section); a value that is no TOML is text.

    Raises:
        ConfigError: there is no such file, or it is no TOML, or an override has no key or names a section's inside.
    """
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} cannot be read: give a config as in train_scripts/configs.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file.name} is no TOML: {error}.") from error
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{override!r} sets nothing; write key=value.")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        place = settings
        *path, last = key.strip().split(".")
        for one in path:
            place = place.setdefault(one, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{one} in {override!r} is no section.")
        place[last] = parsed
    return settings


def build(kind: type[T], settings: Mapping[str, Any], name: str = "the config") -> T:
    """A dataclass from settings, sections within it from tables.

    Raises:
        ConfigError: an unknown key or a value of the wrong type, by name.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(f"Unknown setting {', '.join(unknown)} in {name}; known are {', '.join(sorted(known))}.")
    types = get_type_hints(kind)
    return kind(**{key: _typed(key, value, types[key]) for key, value in settings.items()})


def _typed(name: str, value: Any, expected: Any) -> Any:
    """The value as the type wants it: lists become tuples, tables become dataclasses."""
    if expected is MeanConfig:
        return MeanConfig.from_dict(_table(name, value))
    if isinstance(expected, type) and is_dataclass(expected):
        return build(expected, _table(name, value), f"[{name}]")
    if get_origin(expected) is Literal:
        if value not in get_args(expected) or isinstance(value, bool):
            raise ConfigError(f"{name} is {value!r}; choose {' or '.join(map(repr, get_args(expected)))}.")
        return value
    if get_origin(expected) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} is {value!r}; it must be a list.")
        inner = get_args(expected)
        inner = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
        if len(value) != len(inner):
            raise ConfigError(f"{name} has {len(value)} values; it must have {len(inner)}.")
        return tuple(_typed(name, one, of) for one, of in zip(value, inner, strict=True))
    if isinstance(expected, UnionType):
        return value
    accepted = (int, float) if expected is float else expected
    if isinstance(value, bool) != (expected is bool) or not isinstance(value, accepted):
        raise ConfigError(f"{name} is {value!r}; it must be {WORDS[expected]}.")
    if expected is float and not math.isfinite(value):
        raise ConfigError(f"{name} is {value}; it must be finite.")
    return value


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} is {value!r}; it must be a section [{name}].")
    return value
