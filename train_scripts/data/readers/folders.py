"""Pictures of one's own in a folder per place, in any of a few plain layouts.

ROOT/<place>/{drone,satellite}/* or ROOT/{drone,satellite}/<place>/* (a lone satellite/<place>.png will do), and the
same below ROOT/train and ROOT/test. Positions: positions.csv or positions.kml in ROOT.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from train_scripts.data.readers.dataset import Dataset, Kind, Picture, pictures_of
from train_scripts.data.readers.listing import Listing, files_in, places_in, shown, subfolders
from train_scripts.data.readers.positions import NOTHING, KnownPositions, read_positions
from train_scripts.errors import WrongFolder

VIEWS: dict[str, Kind] = {
    "drone": "drone",
    "uav": "drone",
    "satellite": "satellite",
    "sat": "satellite",
    "street": "street",
    "google": "google",
}
"""Names of view folders, in any case."""

HALVES = ("train", "test")
POSITIONS = ("positions.csv", "positions.kml")

NEEDED = (
    "Put pictures into ROOT/<place>/drone and ROOT/<place>/satellite, or into ROOT/drone/<place> and "
    "ROOT/satellite/<place>."
)


def scan_folders(root: Path) -> dict[str, Listing]:
    """What lies in each view: "drone", "satellite", ..., or "train/drone", ... when there is train/ or test/.

    Raises:
        WrongFolder: no picture lies where one is looked for.
    """
    if not root.is_dir():
        raise WrongFolder(f"There is no folder {shown(root.name)}. {NEEDED}")
    inside = subfolders(root)
    halves = [name for name in inside if name in HALVES]
    if "test" in halves and any(name.startswith(("query_", "gallery_")) for name in subfolders(root / "test")):
        raise WrongFolder(
            f"{shown(root.name)} looks like University-1652 or DenseUAV: write university1652:PATH or denseuav:PATH."
        )
    found: dict[str, Listing] = {}
    for half in halves or [""]:
        for kind, listing in _views(root / half).items():
            found[f"{half}/{kind}" if half else kind] = listing
    if not any(listing.pictures for listing in found.values()):
        raise WrongFolder(f"{shown(root.name)} holds no picture in a folder per place. {NEEDED}")
    return found


def read_folders(root: Path | str, *, positions: Path | str | None = None) -> Dataset:
    """Read pictures of one's own. A place with drone pictures asks; a place with satellite pictures only distracts.

    Without train/ and test/ all of them are for testing.

    Args:
        root: the folder, see the head of this module.
        positions: CSV (place or file, lon, lat) or KML; without it, positions.csv or positions.kml in root.

    Raises:
        WrongFolder: no picture lies where one is looked for.
        BadPositions: the file of positions cannot be read.
    """
    top = Path(root)
    found = scan_folders(top)
    places = {place for listing in found.values() for place in listing.filled}
    known = positions_beside(top, places, None if positions is None else Path(positions))
    train, test, undivided = (_pictures_of_half(found, half, known) for half in (*HALVES, ""))
    test += undivided
    asking = {picture.place for picture in test if picture.kind == "drone"}
    notes = []
    if lacking := asking - {picture.place for picture in test if picture.kind == "satellite"}:
        notes.append(f"{len(lacking)} places have no satellite picture, such as {min(lacking)}.")
    if places - known.places.keys() and known is not NOTHING:
        notes.append(f"{len(places - known.places.keys())} of {len(places)} places have no position.")
    queries = tuple(picture for picture in test if picture.place in asking)
    return Dataset(top.name, train, queries, test, tuple(notes))


def _pictures_of_half(found: Mapping[str, Listing], half: str, known: KnownPositions) -> tuple[Picture, ...]:
    return tuple(
        known.placed(picture)
        for part, listing in found.items()
        if part.rpartition("/")[0] == half
        for picture in pictures_of(VIEWS[part.rpartition("/")[2]], listing.filled)
    )


def positions_beside(top: Path, places: set[str], file: Path | None) -> KnownPositions:
    """Positions from a file, or from the one in the folder; `NOTHING` when there is none."""
    found = [top / name for name in POSITIONS if (top / name).is_file()] if file is None else [file]
    return read_positions(found[0], places) if found else NOTHING


def _views(folder: Path) -> dict[Kind, Listing]:
    """The pictures of each view, whichever of view and place comes first."""
    inside = subfolders(folder)
    views = [name for name in inside if name.lower() in VIEWS]
    places: dict[Kind, dict[str, tuple[Path, ...]]] = {}
    strays: dict[Kind, list[str]] = {}
    for view in views:
        kind = VIEWS[view.lower()]
        listing = places_in(folder / view)
        of = places.setdefault(kind, {})
        for place, files in listing.places.items():
            of[place] = of.get(place, ()) + files
        loose = files_in(folder / view)[0]
        for file in loose:  # satellite/<place>.png
            of[file.stem] = (*of.get(file.stem, ()), file)
        names = {file.name for file in loose}
        strays.setdefault(kind, []).extend(stray for stray in listing.strays if stray not in names)
    for place in inside if not views else ():
        for view in subfolders(folder / place):
            if view.lower() not in VIEWS:
                continue
            kind = VIEWS[view.lower()]
            pictures, others = files_in(folder / place / view)
            of = places.setdefault(kind, {})
            of[place] = of.get(place, ()) + pictures
            strays.setdefault(kind, []).extend(f"{place}/{other}" for other in others)
    return {kind: Listing(of, tuple(strays.get(kind, ()))) for kind, of in places.items()}
