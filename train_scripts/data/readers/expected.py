"""What the published datasets should hold: counts, file names, and which parts belong together.

Counts of University-1652 stand in the README and the name files of its baseline's repository (those of the training
views follow from them), counts of SUES-200 follow from its benchmark's split script, DenseUAV's stand in its README.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from train_scripts.data.readers import denseuav, sues200
from train_scripts.data.readers.listing import Listing
from train_scripts.data.readers.read_dataset import DatasetKind
from train_scripts.errors import DatasetError

MADE_FILE = "procedural.json"
"""What `python -m train_scripts.data make` writes into its datasets: the counts to check them against."""

Names = Callable[[int], list[str]]
"""Stems of the files of a place, by their number; empty where they are not fixed."""


def _unnamed(count: int) -> list[str]:
    return []


def _images(count: int) -> list[str]:
    return [f"image-{number:02d}" for number in range(1, count + 1)]


def _numbered(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def _tiles(count: int) -> list[str]:
    return [f"H{height}{year}" for height in denseuav.HEIGHTS for year in ("", "_old")] if count == 6 else []


def _heights(count: int) -> list[str]:
    return [f"H{height}" for height in denseuav.HEIGHTS] if count == 3 else []


@dataclass(frozen=True)
class Expected:
    """What one part should hold.

    Attributes:
        pictures, places: in all; None where nobody published a number.
        of_place: pictures of one place, None where it varies.
        names: of the files of a place.
        ids: the places by name, where they are known.
        needed: without it, the part may be left out.
    """

    pictures: int | None
    places: int | None
    of_place: Callable[[str], int | None] = lambda place: None
    names: Names = _unnamed
    ids: frozenset[str] | None = None
    needed: bool = True


def _drones_1652(place: str) -> int:
    return 55 if place == "0000" else 54


def _each(count: int, places: int, names: Names = _unnamed, ids: Iterable[str] | None = None) -> Expected:
    """A part with the same number of pictures of every place."""
    return Expected(count * places, places, lambda place: count, names, None if ids is None else frozenset(ids))


UNIVERSITY1652: Mapping[str, Expected] = {
    "train/drone": Expected(37_854, 701, _drones_1652, _images),
    "train/satellite": _each(1, 701),
    "train/street": Expected(None, None, needed=False),
    "train/google": Expected(None, None, needed=False),
    "test/query_drone": Expected(37_855, 701, _drones_1652, _images),
    "test/query_satellite": _each(1, 701),
    "test/query_street": Expected(2_579, 701, needed=False),
    "test/gallery_drone": Expected(51_355, 951, _drones_1652, _images),
    "test/gallery_satellite": _each(1, 951),
    "test/gallery_street": Expected(2_921, 793, needed=False),
}

SUES200: Mapping[str, Expected] = {
    "satellite-view": _each(1, 200, ids=sues200.PLACES),
    **{f"drone {height}": _each(50, 200, _numbered, sues200.PLACES) for height in sues200.HEIGHTS},
}
"""The original layout."""

SUES200_SPLIT: Mapping[str, Expected] = {
    f"{half}/{height}/{role}{view}": _each(count, len(ids), names, ids)
    for height in sues200.HEIGHTS
    for half, role, ids in (
        ("Training", "", sues200.TRAINING_PLACES),
        ("Testing", "query_", sues200.TEST_PLACES),
        ("Testing", "gallery_", sues200.PLACES),
    )
    for view, count, names in (("drone", 50, _numbered), ("satellite", 1, _unnamed))
}
"""The layout of the benchmark's split script."""

DENSEUAV: Mapping[str, Expected] = {
    f"{part}{view}": _each(count, places, names)
    for part, places in (("train/", 2_256), ("test/query_", 777), ("test/gallery_", 3_033))
    for view, count, names in (("drone", 3, _heights), ("satellite", 6, _tiles))
}

PARTS: Mapping[DatasetKind, Mapping[str, Expected]] = {
    "university1652": UNIVERSITY1652,
    "sues200": {**SUES200, **SUES200_SPLIT},
    "denseuav": DENSEUAV,
    "folders": {},
}
"""All parts that a dataset can have, in any of its layouts."""

_ROLES = ("train/{}", "test/query_{}", "test/gallery_{}")

SAME_PLACES: Mapping[DatasetKind, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(
        ("university1652", "denseuav"), tuple((role.format("drone"), role.format("satellite")) for role in _ROLES)
    ),
    "sues200": (
        *((f"drone {height}", "satellite-view") for height in sues200.HEIGHTS),
        *((part, part.replace("drone", "satellite")) for part in SUES200_SPLIT if part.endswith("drone")),
    ),
}
"""Parts that must hold the same places."""


def expected_parts(kind: DatasetKind, top: Path, found: Mapping[str, Listing]) -> tuple[Mapping[str, Expected], str]:
    """What the parts of a dataset should hold, and who says so.

    Raises:
        DatasetError: it is procedural, and its own counts are damaged or those of another kind.
    """
    if (top / MADE_FILE).is_file():
        return _made(kind, top / MADE_FILE), "what was written when this procedural dataset was made"
    match kind:
        case "university1652":
            return UNIVERSITY1652, "the published counts of University-1652"
        case "sues200":
            return (SUES200_SPLIT if sues200.sues200_root(top)[1] else SUES200), "the published counts of SUES-200"
        case "denseuav":
            return DENSEUAV, "the published counts of DenseUAV"
        case "folders":
            return {part: Expected(None, None, needed=False) for part in found}, "itself"


def _made(kind: DatasetKind, file: Path) -> dict[str, Expected]:
    """The counts of a procedural dataset, in the order of the published ones."""
    try:
        told = json.loads(file.read_text())
        parts = {str(part): {str(p): int(n) for p, n in of.items()} for part, of in told["parts"].items()}
        made_kind = told["kind"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DatasetError(f"{file.name} is damaged. Make the dataset again, or remove that file.") from error
    if made_kind != kind:
        raise DatasetError(f"This is a procedural dataset in the layout of {made_kind}: write {made_kind}:PATH.")
    ordered = [part for part in dict.fromkeys((*PARTS[kind], *parts)) if part in parts]
    return {
        part: Expected(
            sum(parts[part].values()),
            sum(count > 0 for count in parts[part].values()),
            parts[part].get,
            PARTS[kind][part].names if part in PARTS[kind] else _unnamed,
            frozenset(parts[part]),
            needed=not part.endswith(("street", "google")),
        )
        for part in ordered
    }
