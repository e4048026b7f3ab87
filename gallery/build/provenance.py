"""What gallery.json notes of how a gallery came about: its settings, and each area that was added or removed."""

from collections.abc import Iterable, Mapping
from typing import Any

AREAS = "areas"
"""Under `build` of gallery.json: builds, additions and removals, in their order."""

_PLAIN = ("tile_size_m", "overlap", "sources", "positions", "crs", "bounds", "zoom", "licence")


def built(settings: Mapping[str, Any], tiles: int) -> dict[str, Any]:
    """The `build` of a new gallery. Args: tiles: how many it holds."""
    return {**settings, AREAS: [_entry("build", settings, tiles)]}


def added(old: Mapping[str, Any], settings: Mapping[str, Any], tiles: int) -> dict[str, Any]:
    """The `build` after more areas. Args: old: what it was; settings: of the addition; tiles: how many came."""
    areas = [*areas_of(old), _entry("add", settings, tiles)]
    sizes_m = _distinct([*_listed(old.get("tile_size_m")), *_listed(settings["tile_size_m"])])
    sources = _distinct([*_listed(old.get("sources")), *settings["sources"]])
    united: dict[str, Any] = {"tile_size_m": sizes_m[0] if len(sizes_m) == 1 else sizes_m, "sources": sources}
    licences = _distinct([*_listed(old.get("licence")), *_listed(settings.get("licence"))])
    if licences:
        united["licence"] = licences[0] if len(licences) == 1 else licences
    return {**settings, **{name: value for name, value in old.items() if value is not None}, **united, AREAS: areas}


def removed(old: Mapping[str, Any], what: Mapping[str, Any], sources: Iterable[str], tiles: int) -> dict[str, Any]:
    """The `build` after a removal.

    Args:
        what: was asked to be removed, for reading.
        sources: that were removed whole.
        tiles: how many went.
    """
    gone = set(sources)
    left = [source for source in _listed(old.get("sources")) if source not in gone]
    return {**old, "sources": left, AREAS: [*areas_of(old), {"action": "remove", **what, "tiles": tiles}]}


def areas_of(build: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The areas as far as they are noted; a gallery of format 1 notes none."""
    return list(build.get(AREAS, []))


def _entry(action: str, settings: Mapping[str, Any], tiles: int) -> dict[str, Any]:
    return {"action": action, **{name: settings[name] for name in _PLAIN if name in settings}, "tiles": tiles}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
