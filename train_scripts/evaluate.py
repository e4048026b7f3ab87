"""Measures a model: `python -m train_scripts.evaluate --model SOURCE --dataset KIND:PATH [--json]`.

KIND is university1652, sues200, denseuav or folders: pictures of places, asked and searched as the papers do (see
`train_scripts.evaluation.places`). The paper's tables, each by one command:

  Table I       --dataset university1652:PATH --direction both
  Table II      --dataset university1652:PATH --direction both --condition all
  III and IV    --dataset sues200:PATH --direction both --height all, or M with the model of that height
  V and VI      the same with --trained-on university1652
  Table VII     --dataset university1652:PATH --direction both --ablation NAME, a model for each NAME

Or KIND is gallery: photos whose place is known are searched in the gallery in PATH, and a tile is right when its
footprint covers that place (see `train_scripts.evaluation.photos`). The photos are those in PATH/photos, or in --photos
FOLDER; their places stand in truth.csv (columns file, lon, lat) beside them, in --positions FILE, or in their EXIF.
Or KIND is world: PATH holds photos and truth.csv as `make_sample photos` writes them, searched in --gallery DIR.

Given again, --model compares: each model is loaded once before anything long runs, then measured on the same queries,
and a table has a row for each, with its parameters, operations and speed on this machine. Reports are named after the
models, for `python -m gallery inspect A --against B`. Models that did not build the gallery embed its tiles again, in a
temporary folder or in --galleries FOLDER.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from gallery import GalleryError
from gallery.arguments import Parser
from gallery.search.options import ROTATIONS
from mean_model.errors import MeanModelError
from mean_model.malloc import keep_freed_memory
from train_scripts.arguments import program
from train_scripts.data.loading import weather
from train_scripts.data.readers.dataset import BOTH_WAYS, KINDS, PROTOCOLS, Protocol, check_protocol
from train_scripts.data.readers.denseuav import Tiles
from train_scripts.data.readers.listing import shown
from train_scripts.data.readers.read_dataset import DATASET_KINDS
from train_scripts.errors import BadRequest, DatasetError
from train_scripts.evaluation import compare, text
from train_scripts.evaluation.paper_tables import ABLATIONS
from train_scripts.evaluation.photos import PhotosOptions, PoseError, of_gallery, of_world
from train_scripts.evaluation.places import PlacesOptions

BOTH = "both"
GALLERY, WORLD = "gallery", "world"
DATA = (*DATASET_KINDS, GALLERY, WORLD)
OF_THE_PAPER = ("university1652", "sues200")

KINDS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("condition", "multi_query", "batch", "trained_on", "ablation"), DATASET_KINDS),
    "height": ("sues200", "denseuav"),
    "tiles": ("denseuav",),
    "positions": ("university1652", "folders", GALLERY),
    "photos": (GALLERY,),
    "gallery": (WORLD,),
    **dict.fromkeys(
        ("galleries", "rotations", "north_up", "verify", "ground", "poses", "pose_error"), (GALLERY, WORLD)
    ),
}
"""Kinds of dataset that know an option; options that are not named belong to all."""


def pose_error(value: str) -> PoseError:
    """`HEADING,PITCH,HEIGHT` as three numbers that are not negative."""
    numbers = [float(part) for part in value.split(",")]
    if len(numbers) != 3 or not all(0 <= number < math.inf for number in numbers):
        raise argparse.ArgumentTypeError(f"{value!r} is no HEADING,PITCH,HEIGHT, such as 5,2,10")
    return numbers[0], numbers[1], numbers[2]


def _side(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 16 <= int(value) <= 1024):
        raise argparse.ArgumentTypeError(f"{value!r} is no side from 16 to 1024 pixels")
    return int(value)


def parser() -> Parser:
    """The options."""
    top = program("evaluate", __doc__)
    _add_common(top)
    _add_places(top.add_argument_group("pictures of places"))
    _add_photos(top.add_argument_group("gallery and world"))
    return top


def _add_common(top: Parser) -> None:
    top.add_argument(
        "--model",
        metavar="SOURCE",
        action="append",
        default=[],
        dest="models",
        help="a folder, file, timm:NAME, Hub id, 'starter' or 'real-ground' (default: what built the gallery, else "
        "starter); again for each model to compare",
    )
    top.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "auto"),
        default="float32",
        help="of the network; auto takes what is faster here, and may differ from run to run",
    )
    top.add_argument("--dataset", required=True, metavar="KIND:PATH", help="see above")
    top.add_argument(
        "--protocol",
        choices=(*PROTOCOLS, BOTH),
        help="paper removes gallery places that no query shows, full ranks them too; default paper for university1652 "
        "and sues200, which the paper's tables are about, full for all others",
    )
    top.add_argument(
        "--direction",
        default=BOTH_WAYS[0],
        metavar="A-to-B",
        help=f"A asks, B is searched, of {', '.join(KINDS)}; default {BOTH_WAYS[0]}; {BOTH}: that and back",
    )
    top.add_argument("--positions", type=Path, metavar="FILE", help="KML or CSV with positions of places or photos")
    top.add_argument("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    top.add_argument("--out", type=Path, metavar="FILE", help="write a report (.parquet), one row per query")
    top.add_argument(
        "--thumbnails",
        type=_side,
        dest="thumbnail_px",
        metavar="PX",
        help="keep small pictures of the queries in the report, longer side so many pixels (16 to 1024)",
    )
    top.add_argument("--json", action="store_true", help="print one JSON document")


def _add_places(places: argparse._ArgumentGroup) -> None:
    places.add_argument("--height", metavar="M", help="of sues200 or denseuav: metres, mixed (default), or all in turn")
    places.add_argument(
        "--tiles", choices=get_args(Tiles), default="all", help="of denseuav: of the flight's year, older ones, or all"
    )
    places.add_argument(
        "--condition", default="normal", metavar="NAME", help="weather on drone pictures: a name, several, or all"
    )
    places.add_argument("--multi-query", action="store_true", help="one query a place, the mean of its pictures")
    places.add_argument("--batch", type=int, metavar="N", help="pictures in one pass of the network")
    places.add_argument("--trained-on", choices=("university1652", "sues200"), help="what the tables say of the model")
    places.add_argument("--ablation", choices=ABLATIONS, help="the row of Table VII that the model is")


def _add_photos(photos: argparse._ArgumentGroup) -> None:
    photos.add_argument("--photos", type=Path, metavar="FOLDER", help="of gallery: the photos (default PATH/photos)")
    photos.add_argument(
        "--gallery",
        type=Path,
        metavar="DIR",
        help="of world: what is searched (default: PATH or the folder above it if that is one, else the sample)",
    )
    photos.add_argument(
        "--galleries",
        type=Path,
        metavar="FOLDER",
        help="keep the tiles here as models embed them that did not build the gallery, and use those that are there",
    )
    photos.add_argument("--rotations", type=int, choices=ROTATIONS, default=16, help="turns of a query without heading")
    photos.add_argument(
        "--north-up", action=argparse.BooleanOptionalAction, default=True, help="use the pose that photos state"
    )
    photos.add_argument("--verify", action="store_true", help="check the best tiles by geometry, as the app does")
    photos.add_argument(
        "--poses", type=Path, metavar="FILE", help="what this file states of the photos' camera, in place of their own"
    )
    photos.add_argument(
        "--ground",
        action="store_true",
        help="lay the photos on the gallery's ground, as the app does, and report what it said of each",
    )
    photos.add_argument(
        "--pose-error",
        type=pose_error,
        default=(0.0, 0.0, 0.0),
        metavar="HEADING,PITCH,HEIGHT",
        help="disturb the stated poses: standard deviations in degrees, degrees and percent, such as 5,2,10",
    )


def main(argv: list[str] | None = None) -> None:
    """Measure what the options name, and say it."""
    keep_freed_memory()
    top = parser()
    options = top.parse_args(argv)
    try:
        kind, path = _dataset(options.dataset)
        _refuse_foreign(kind, [name for name in KINDS_OF if getattr(options, name) != top.get_default(name)])
        of_photos = kind in (GALLERY, WORLD)
        asked = (_photos_options if of_photos else _places_options)(kind, path, options)
        compared = len(options.models) > 1
        found = compare.run(asked, options.models, options.galleries) if compared else compare.run_one(asked)
        in_words = text.of_photos if of_photos else text.of_places
        summaries = []
        for summary in found:
            summaries.append(summary)
            if not options.json:
                name = f"{shown(summary['model'])}\n" if compared else ""
                sys.stdout.write(f"{name}{in_words(summary)}\n")
                sys.stdout.flush()
    except (DatasetError, GalleryError, MeanModelError) as error:
        top.error(shown(str(error)))
    if options.json:
        json.dump(summaries[0] if len(summaries) == 1 else summaries, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    if compared:
        sys.stdout.write(compare.table(summaries))
    if len(summaries) > 1 and not of_photos:
        sys.stdout.write(text.tables_of(summaries))


def _dataset(spec: str) -> tuple[str, Path]:
    kind, _, path = spec.partition(":")
    if kind not in DATA:
        raise BadRequest(f"There is no kind of dataset {kind!r}. Write KIND:PATH with one of {', '.join(DATA)}.")
    if not path.strip():
        raise BadRequest(f"{kind}: names no folder. Write {kind}:PATH.")
    return kind, Path(path).expanduser()


def _refuse_foreign(kind: str, given: list[str]) -> None:
    foreign = next((name for name in given if kind not in KINDS_OF[name]), None)
    if foreign:
        *others, last = KINDS_OF[foreign]
        known = f"{', '.join(others)} and {last}" if others else last
        raise BadRequest(f"--{foreign.replace('_', '-')} belongs to {known}, not to {kind}. Leave it out.")


def _protocols(kind: str, name: str | None) -> tuple[Protocol, ...]:
    if name is None:
        return ("paper",) if kind in OF_THE_PAPER else ("full",)
    return tuple(PROTOCOLS) if name == BOTH else (check_protocol(name),)


def _common_options(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "model": next(iter(options.models), None),
        "precision": options.precision,
        "protocols": _protocols(kind, options.protocol),
        "positions": options.positions,
        "skip_unreadable": options.skip_unreadable,
        "out": options.out,
        "thumbnail_px": options.thumbnail_px,
    }


def _photos_options(kind: str, path: Path, options: argparse.Namespace) -> PhotosOptions:
    if options.direction != BOTH_WAYS[0]:
        raise BadRequest(f"{kind} asks with photos and searches tiles: {BOTH_WAYS[0]} only. Leave --direction out.")
    own = {
        "again": options.galleries,
        "rotations": options.rotations,
        "north_up": options.north_up,
        "verify": options.verify,
        "poses": options.poses,
        "ground": options.ground,
        "pose_error": options.pose_error,
        **_common_options(kind, options),
    }
    return of_world(path, options.gallery, **own) if kind == WORLD else of_gallery(path, options.photos, **own)


def _places_options(kind: str, path: Path, options: argparse.Namespace) -> PlacesOptions:
    return PlacesOptions(
        f"{kind}:{path}",
        directions=BOTH_WAYS if options.direction == BOTH else (options.direction,),
        conditions=weather.chosen(options.condition),
        height=options.height,
        tiles=options.tiles,
        multi_query=options.multi_query,
        batch=options.batch,
        trained_on=options.trained_on,
        ablation=options.ablation,
        **_common_options(kind, options),
    )


if __name__ == "__main__":
    main()
