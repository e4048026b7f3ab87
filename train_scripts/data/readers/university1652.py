"""University-1652 on disk: train/ and test/ with a folder per building, drone, satellite and street views.

Layout and counts: github.com/layumi/University1652-Baseline. The archive unpacks as `University-Release`. Building 0000
has 55 drone pictures, all others 54; some `google/` folders are empty. Positions come apart, as KML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gallery.georef.position_lists import read_name_list
from train_scripts.data.readers.dataset import KINDS, Dataset, Kind, Picture, pictures_of
from train_scripts.data.readers.denseuav import is_denseuav
from train_scripts.data.readers.listing import Listing, parts_in, root_of_parts, shown, subfolders
from train_scripts.data.readers.positions import NOTHING, KnownPositions, read_positions
from train_scripts.errors import BadRequest, WrongFolder

NAME = "University-1652"
TRAIN = {kind: f"train/{kind}" for kind in KINDS}
QUERY: dict[Kind, str] = {kind: f"test/query_{kind}" for kind in ("drone", "satellite", "street")}  # type: ignore[misc]
GALLERY: dict[Kind, str] = {kind: f"test/gallery_{kind}" for kind in ("drone", "satellite", "street")}  # type: ignore[misc]
PARTS = (*TRAIN.values(), *QUERY.values(), *GALLERY.values())
OTHERS = ("test/4K_drone", "test/query_drone_160k", "test/gallery_satellite_160k")
"""Folders of the release that belong to other tasks."""

NAME_LISTS = ("new_name_list.txt", "name_list.txt")
"""Lines `0000 Library, University`: how the KML's names become folders."""


def university1652_root(root: Path) -> Path:
    """The folder with train/ or test/: root or the one in it. Raises: WrongFolder: there is none."""
    return root_of_parts(root, PARTS, NAME)


def scan_university1652(root: Path) -> dict[str, Listing]:
    """What lies in each part ("train/drone", ...) that exists."""
    top = university1652_root(root)
    return _listings(top, PARTS)


def unknown_folders(root: Path) -> list[str]:
    """Folders in train/ and test/ that are no view of the release."""
    top = university1652_root(root)
    found = [f"{half}/{name}" for half in ("train", "test") if (top / half).is_dir() for name in subfolders(top / half)]
    return [part for part in found if part not in PARTS and part not in OTHERS]


def read_university1652(
    root: Path | str, *, kinds: Sequence[Kind] = ("drone", "satellite"), positions: Path | str | None = None
) -> Dataset:
    """Read University-1652; parts that are missing stay empty and are named in the notes.

    Args:
        root: the folder with train/ and test/, or the one above it.
        kinds: views to read; street and google are left alone unless asked for.
        positions: KML or CSV of the buildings; without it, the one `*.kml` or `positions.csv` beside train/ is taken.

    Raises:
        WrongFolder: the folder holds no University-1652.
        BadRequest: there is no such view.
        BadPositions: the file of positions cannot be read.
    """
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong:
        raise BadRequest(f"There is no view {wrong[0]}. Choose from {', '.join(KINDS)}.")
    top = university1652_root(Path(root))
    wanted = [part for kind in kinds for part in (TRAIN[kind], QUERY.get(kind), GALLERY.get(kind)) if part is not None]
    found = _listings(top, wanted)
    notes = [f"{part} is missing." for part in wanted if part not in found]
    empty = {part: sum(not files for files in listing.places.values()) for part, listing in found.items()}
    notes += [f"Skipped in {part}: {count} empty folder{'s' * (count > 1)}." for part, count in empty.items() if count]
    places = {place for listing in found.values() for place in listing.places}
    known, told = known_positions(top, places, None if positions is None else Path(positions))

    def read(parts: dict[Kind, str]) -> tuple[Picture, ...]:
        return tuple(
            picture
            for kind in kinds
            if parts.get(kind) in found
            for picture in pictures_of(kind, found[parts[kind]].filled, known.places)
        )

    return Dataset(NAME, read(TRAIN), read(QUERY), read(GALLERY), (*notes, *told))


def _listings(top: Path, parts: Iterable[str]) -> dict[str, Listing]:
    found = parts_in(top, parts)
    if is_denseuav(found.values()):
        raise WrongFolder(f"The pictures in {shown(top.name)} are named as those of DenseUAV. Write denseuav:PATH.")
    return found


def known_positions(top: Path, places: set[str], file: Path | None) -> tuple[KnownPositions, list[str]]:
    """Positions of the buildings, and what is to be said about them."""
    notes = []
    if file is None:
        beside = [one for one in sorted(top.glob("*.kml")) if "flight" not in one.name.lower()]
        beside += [one for one in (top / "positions.csv",) if one.is_file()]
        if len(beside) > 1:
            names = ", ".join(one.name for one in beside)
            notes.append(f"There is more than one file of positions ({names}); none is read unless named.")
        file = beside[0] if len(beside) == 1 else None
    if file is None:
        return NOTHING, notes
    known = read_positions(file, places, _names(top))
    lacking = len(places - known.places.keys())
    if lacking:
        notes.append(f"{lacking} of {len(places)} places have no position in {file.name}.")
    if known.unknown:
        notes.append(f"{len(known.unknown)} names in {file.name} belong to no place here, such as {known.unknown[0]}.")
    return known, notes


def _names(top: Path) -> dict[str, str]:
    """Place by building name, from the lists that the dataset's repository has; names that repeat are left out."""
    return {name: place for file in NAME_LISTS for name, place in read_name_list(top / file).items()}
