"""From `KIND:PATH` to a dataset: the one place that knows all readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from train_scripts.data.readers import denseuav, folders, sues200, university1652
from train_scripts.data.readers.dataset import Dataset, Kind
from train_scripts.data.readers.denseuav import Tiles
from train_scripts.data.readers.listing import Listing
from train_scripts.errors import BadRequest

DatasetKind = Literal["university1652", "sues200", "denseuav", "folders"]
DATASET_KINDS: tuple[DatasetKind, ...] = get_args(DatasetKind)

TWO_VIEWS: tuple[Kind, ...] = ("drone", "satellite")


def parse_spec(spec: str) -> tuple[DatasetKind, Path]:
    """Split `KIND:PATH`.

    Raises:
        BadRequest: the kind is unknown, or there is no path.
    """
    name, colon, path = spec.partition(":")
    kind = next((one for one in DATASET_KINDS if one == name.strip().lower()), None)
    if kind is None:
        raise BadRequest(
            f"There is no kind of dataset {name if colon else repr(Path(name).name)}. "
            f"Write KIND:PATH with one of {', '.join(DATASET_KINDS)}."
        )
    if not path.strip():
        raise BadRequest(f"{name}: names no folder. Write {name}:PATH.")
    return kind, Path(path).expanduser()


def top_of(kind: DatasetKind, root: Path) -> Path:
    """The folder that holds the dataset: root, or one in it. Raises: WrongFolder: there is none."""
    match kind:
        case "university1652":
            return university1652.university1652_root(root)
        case "sues200":
            return sues200.sues200_root(root)[0]
        case "denseuav":
            return denseuav.denseuav_root(root)
        case "folders":
            return root


def scan_dataset(kind: DatasetKind, root: Path) -> dict[str, Listing]:
    """What lies in each part of a dataset. Raises: WrongFolder: there is none of this kind."""
    match kind:
        case "university1652":
            return university1652.scan_university1652(root)
        case "sues200":
            return sues200.scan_sues200(root)
        case "denseuav":
            return denseuav.scan_denseuav(root)
        case "folders":
            return folders.scan_folders(root)


def read_dataset(
    kind: DatasetKind,
    root: Path | str,
    *,
    height: int | None = None,
    tiles: Tiles = "all",
    kinds: Sequence[Kind] = TWO_VIEWS,
    positions: Path | str | None = None,
) -> Dataset:
    """Read a dataset of any kind.

    Args:
        kind: which layout.
        root: its folder.
        height: of SUES-200 or DenseUAV; None mixes all.
        tiles: of DenseUAV.
        kinds: views to read; SUES-200 and DenseUAV have two, plain folders are read with all they have.
        positions: KML or CSV of University-1652 or plain folders.

    Raises:
        DatasetError: see the readers.
        BadRequest: an option does not belong to this kind.
    """
    wrong = [
        name
        for name, given, of in (
            ("height", height is not None, ("sues200", "denseuav")),
            ("tiles", tiles != "all", ("denseuav",)),
            ("positions", positions is not None, ("university1652", "folders")),
        )
        if given and kind not in of
    ]
    if wrong:
        raise BadRequest(f"{kind} knows no {wrong[0]}. Leave it out.")
    foreign = [view for view in kinds if view not in TWO_VIEWS and kind in ("sues200", "denseuav")]
    if foreign:
        raise BadRequest(f"{kind} has no {foreign[0]} pictures, only {' and '.join(TWO_VIEWS)} ones.")
    match kind:
        case "university1652":
            return university1652.read_university1652(root, kinds=kinds, positions=positions)
        case "sues200":
            return sues200.read_sues200(root, height=height)
        case "denseuav":
            return denseuav.read_denseuav(root, tiles=tiles, height=height)
        case "folders":
            return folders.read_folders(root, positions=positions)
