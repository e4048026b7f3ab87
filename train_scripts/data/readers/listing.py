"""Which picture files lie in the folders of a dataset: one folder per place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train_scripts.errors import WrongFolder

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"})


@dataclass(frozen=True)
class Listing:
    """What lies in one part of a dataset.

    Attributes:
        places: picture files by place; an empty folder has no files.
        strays: names, below the part, of files that belong to no place or are no pictures.
    """

    places: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    strays: tuple[str, ...] = ()

    @property
    def pictures(self) -> int:
        """Number of picture files."""
        return sum(map(len, self.places.values()))

    @property
    def filled(self) -> dict[str, tuple[Path, ...]]:
        """Places that have pictures."""
        return {place: files for place, files in self.places.items() if files}


def shown(name: str) -> str:
    """A name from the disk as it may be printed: control characters and broken encodings escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of many names, as they may be printed, and how many more there are."""
    return ", ".join(map(shown, names[:most])) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def is_picture(name: str) -> bool:
    """Whether a file name is that of a picture: by its suffix, hidden files (macOS writes `._0001.jpg`) excepted."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise WrongFolder(
            f"The folder {shown(folder.name)} cannot be listed. Check its name and its permissions."
        ) from error


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, hidden ones excepted, sorted."""
    return [entry.name for entry in _entries(folder) if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))]


def files_in(folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Pictures that lie directly in a folder, and the names of its other files but hidden ones."""
    files = [entry for entry in _entries(folder) if entry.is_file()]
    pictures = tuple(folder / entry.name for entry in files if is_picture(entry.name))
    others = tuple(entry.name for entry in files if not is_picture(entry.name) and not entry.name.startswith("."))
    return pictures, others


def root_of_parts(root: Path, parts: Sequence[str], dataset: str) -> Path:
    """The folder with train/ or test/ that holds parts such as train/drone: root or the one in it.

    Raises:
        WrongFolder: as `find_root`, or train/ and test/ hold something else.
    """
    found = find_root(root, ("train", "test"), dataset)
    if not any((found / part).is_dir() for part in parts):
        raise WrongFolder(
            f"{shown(found.name)} has train/ or test/, but none of the views of {dataset} in them (train/drone, "
            "test/query_drone, ...). Give the folder that the archive unpacks."
        )
    return found


def parts_in(top: Path, parts: Iterable[str]) -> dict[str, Listing]:
    """What lies in each part that exists."""
    return {part: places_in(top / part) for part in parts if (top / part).is_dir()}


def places_in(folder: Path, below: str = "") -> Listing:
    """The pictures of a folder that holds a folder per place.

    Args:
        below: a folder between the place and its pictures ("150").
    """
    places, strays = {}, []
    for place in subfolders(folder):
        inner = folder / place / below if below else folder / place
        if below and not inner.is_dir():
            continue
        pictures, others = files_in(inner)
        places[place] = pictures
        strays += [f"{place}/{name}" for name in others]
    loose, others = files_in(folder)
    return Listing(places, tuple(strays) + tuple(file.name for file in loose) + others)


def find_root(root: Path, holds: Iterable[str], dataset: str, also: Iterable[str] = ()) -> Path:
    """The folder that holds one of the folders `holds`: root itself, or the only one in it that does.

    Archives unpack into a folder of their own, under more than one name.

    Args:
        root: as the user gave it.
        holds: folders to name in messages.
        dataset: its name.
        also: folders that are accepted as well.

    Raises:
        WrongFolder: there is none, there are several, or a folder inside the dataset was given.
    """
    wanted = tuple(holds)
    accepted = (*wanted, *also)
    listed = " or ".join(f"{name}/" for name in wanted)
    if not root.is_dir():
        raise WrongFolder(f"There is no folder {shown(root.name)}. Give the folder of {dataset} that holds {listed}.")

    def fits(folder: Path) -> bool:
        return any((folder / name).is_dir() for name in accepted)

    if fits(root):
        return root
    inside = [root / name for name in subfolders(root) if fits(root / name)]
    if len(inside) == 1:
        return inside[0]
    if inside:
        names = ", ".join(shown(folder.name) for folder in inside)
        raise WrongFolder(f"{shown(root.name)} holds more than one copy of {dataset}: {names}. Give one of them.")
    above = next((folder for folder in root.absolute().parents[:2] if fits(folder)), None)
    if above is not None:
        raise WrongFolder(f"{root.name} is a folder inside {dataset}. Give {above.name}, which holds {listed}.")
    raise WrongFolder(f"{shown(root.name)} holds no {dataset}. Give the folder that holds {listed}.")
