"""From `KIND:PATH` to a dataset: the one place that knows all readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from train_scripts.data.denseuav import Tiles, read_denseuav
from train_scripts.data.errors import BadRequest
from train_scripts.data.folders import read_folders
from train_scripts.data.places import Dataset, Kind
from train_scripts.data.sues200 import read_sues200
from train_scripts.data.university1652 import read_university1652

DatasetKind = Literal["university1652", "sues200", "denseuav", "folders"]
DATASET_KINDS: tuple[DatasetKind, ...] = get_args(DatasetKind)


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


def read_dataset(
    kind: DatasetKind,
    root: Path | str,
    *,
    height: int | None = None,
    tiles: Tiles = "all",
    kinds: Sequence[Kind] = ("drone", "satellite"),
    positions: Path | str | None = None,
    training_share: float = 0.0,
) -> Dataset:
    """Read a dataset of any kind.

    Args:
        kind: which layout.
        root: its folder.
        height: of SUES-200 or DenseUAV; None mixes all.
        tiles: of DenseUAV.
        kinds: views of University-1652.
        positions: KML or CSV of University-1652 or plain folders.
        training_share: of the places of plain folders.

    Raises:
        DatasetError: see the readers.
        BadRequest: an option does not belong to this kind.
    """
    wrong = [
        name
        for name, given, of in (
            ("height", height is not None, ("sues200", "denseuav")),
            ("tiles", tiles != "all", ("denseuav",)),
            ("kinds", tuple(kinds) != ("drone", "satellite"), ("university1652",)),
            ("training_share", training_share != 0, ("folders",)),
            ("positions", positions is not None, ("university1652", "folders")),
        )
        if given and kind not in of
    ]
    if wrong:
        raise BadRequest(f"{kind} knows no {wrong[0]}. Leave it out.")
    match kind:
        case "university1652":
            return read_university1652(root, kinds=kinds, positions=positions)
        case "sues200":
            return read_sues200(root, height=height)
        case "denseuav":
            return read_denseuav(root, tiles=tiles, height=height)
        case "folders":
            return read_folders(root, positions=positions, training_share=training_share)
