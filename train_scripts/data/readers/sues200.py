"""SUES-200 on disk: the original layout, and the one split into Training/ and Testing/ per flight height.

Layout and split: github.com/Reza-Zhu/SUES-200-Benchmark. Each of 200 places has 50 drone pictures per height and one
satellite picture. The training places are a published list, not the first 120; the gallery holds all 200, the training
places as distractors. The dataset has no positions, on purpose of its author.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from train_scripts.data.readers.dataset import Dataset, Picture, pictures_of
from train_scripts.data.readers.listing import Listing, find_root, places_in, shown
from train_scripts.errors import BadRequest, MissingPart, WrongFolder

NAME = "SUES-200"
HEIGHTS = (150, 200, 250, 300)
PLACES = tuple(f"{number:04d}" for number in range(1, 201))

_TEST = (
    "8 12 14 17 18 19 22 23 35 38 40 41 42 46 47 48 49 50 52 53 54 59 61 62 63 65 68 71 72 75 78 79 83 92 93 95 98 99 "
    "107 108 109 110 111 112 114 115 117 121 122 124 128 130 131 133 135 136 138 140 143 144 150 153 154 161 162 164 "
    "165 170 172 173 175 176 177 178 181 188 189 190 194 195"
)
TEST_PLACES = frozenset(f"{int(number):04d}" for number in _TEST.split())
"""The 80 places that the published split tests with."""
TRAINING_PLACES = frozenset(PLACES) - TEST_PLACES
"""The 120 places of the published `indexs.yaml`."""

SATELLITE = ("satellite-view", "satellite_view", "satellite")
DRONE = ("drone_view_512", "drone-view", "drone_view", "drone")
SPLIT = ("Training", "Testing")
AS_FOUND = {"Training": ("Training", "training", "train"), "Testing": ("Testing", "testing", "test")}
"""Names of the two halves in copies that others have split."""
OTHER_HALVES = tuple(name for names in AS_FOUND.values() for name in names[1:])
TRAIN_PARTS = ("drone", "satellite")
TEST_PARTS = ("query_drone", "query_satellite", "gallery_drone", "gallery_satellite")


def sues200_root(root: Path) -> tuple[Path, bool]:
    """The folder of the dataset, and whether it is split into Training/ and Testing/.

    Raises:
        WrongFolder: it holds neither layout.
    """
    top = find_root(root, (*SPLIT, SATELLITE[0], DRONE[0]), NAME, also=(*SATELLITE[1:2], *DRONE[1:3], *OTHER_HALVES))
    halves = [_first(top, names) for names in AS_FOUND.values()]
    split = any(half is not None and any((half / str(height)).is_dir() for height in HEIGHTS) for half in halves)
    if not split and _first(top, DRONE) is None and _first(top, SATELLITE) is None:
        raise WrongFolder(
            f"{shown(top.name)} holds neither layout of {NAME}. Give the folder that holds satellite-view/ and "
            "drone_view_512/, or Training/150 and its like."
        )
    return top, split


def scan_sues200(root: Path) -> dict[str, Listing]:
    """What lies in each part: "Training/150/drone", ... of the split layout, else "satellite-view", "drone 150", ..."""
    top, split = sues200_root(root)
    if split:
        parts = [
            f"{half}/{height}/{part}"
            for half, inner in zip(SPLIT, (TRAIN_PARTS, TEST_PARTS), strict=True)
            for height in HEIGHTS
            for part in inner
        ]
        named = {half: _first(top, names) or top / half for half, names in AS_FOUND.items()}
        folders = {part: named[part.partition("/")[0]] / part.partition("/")[2] for part in parts}
        return {part: places_in(folder) for part, folder in folders.items() if folder.is_dir()}
    found = {}
    satellite, drone = _first(top, SATELLITE), _first(top, DRONE)
    if satellite is not None:
        found["satellite-view"] = places_in(satellite)
    if drone is not None:
        found |= {f"drone {height}": places_in(drone, str(height)) for height in HEIGHTS}
    return {part: listing for part, listing in found.items() if listing.places}


def read_sues200(
    root: Path | str, *, height: int | None = None, training_places: Collection[str] = TRAINING_PLACES
) -> Dataset:
    """Read SUES-200 at one flight height, as the papers train and test it, or all heights mixed.

    Args:
        root: the folder with Training/ and Testing/, or with satellite-view/ and drone_view_512/, or the one above it.
        height: 150, 200, 250 or 300 metres; None mixes all drone pictures, with one satellite picture per place.
        training_places: of the original layout; the split layout says itself.

    Raises:
        WrongFolder: the folder holds no SUES-200.
        BadRequest: there is no such height.
        MissingPart: the height is missing.
    """
    if height is not None and height not in HEIGHTS:
        raise BadRequest(f"{NAME} has no height {height}. Choose 150, 200, 250 or 300.")
    top, split = sues200_root(Path(root))
    heights = HEIGHTS if height is None else (height,)
    name = f"{NAME}, all heights" if height is None else f"{NAME}, {height} m"
    found = scan_sues200(top)
    read = _read_split if split else _read_original
    train, queries, gallery = read(found, heights, frozenset(training_places))
    if not (train or queries or gallery):
        raise MissingPart(
            f"{shown(top.name)} holds no picture of {name}. Choose another height, or fetch the dataset again."
        )
    lacking = [part for part in expected_parts(split, heights) if part not in found]
    return Dataset(name, train, queries, gallery, tuple(f"{part} is missing." for part in lacking))


Three = tuple[tuple[Picture, ...], tuple[Picture, ...], tuple[Picture, ...]]


def expected_parts(split: bool, heights: Collection[int] = HEIGHTS) -> list[str]:
    """Names of the parts that a whole dataset has, as `scan_sues200` writes them."""
    if not split:
        return ["satellite-view", *(f"drone {height}" for height in heights)]
    inner = [f"Training/{{}}/{part}" for part in TRAIN_PARTS] + [f"Testing/{{}}/{part}" for part in TEST_PARTS]
    return [part.format(height) for height in heights for part in inner]


def _read_split(found: dict[str, Listing], heights: Collection[int], _: frozenset[str]) -> Three:
    def drones(pattern: str) -> tuple[Picture, ...]:
        return tuple(
            picture
            for height in heights
            for picture in pictures_of("drone", _filled(found, pattern.format(height)), altitude_m=height)
        )

    def satellites(pattern: str) -> tuple[Picture, ...]:
        first: dict[str, tuple[Path, ...]] = {}  # every height has its copy of the same picture
        for height in heights:
            for place, files in _filled(found, pattern.format(height)).items():
                first.setdefault(place, files)
        return pictures_of("satellite", first)

    return (
        drones("Training/{}/drone") + satellites("Training/{}/satellite"),
        drones("Testing/{}/query_drone") + satellites("Testing/{}/query_satellite"),
        drones("Testing/{}/gallery_drone") + satellites("Testing/{}/gallery_satellite"),
    )


def _read_original(found: dict[str, Listing], heights: Collection[int], training: frozenset[str]) -> Three:
    pictures = tuple(
        picture
        for height in heights
        for picture in pictures_of("drone", _filled(found, f"drone {height}"), altitude_m=height)
    ) + pictures_of("satellite", _filled(found, "satellite-view"))
    train = tuple(picture for picture in pictures if picture.place in training)
    return train, tuple(picture for picture in pictures if picture.place not in training), pictures


def _filled(found: dict[str, Listing], part: str) -> dict[str, tuple[Path, ...]]:
    return found[part].filled if part in found else {}


def _first(top: Path, names: tuple[str, ...]) -> Path | None:
    return next((top / name for name in names if (top / name).is_dir()), None)
