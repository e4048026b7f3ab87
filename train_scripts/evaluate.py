"""Measures a model: `python -m train_scripts.evaluate --model SOURCE --dataset KIND:PATH [--json]`.

KIND is university1652, sues200, denseuav or folders: pictures of places, asked and searched as the papers do (see
`train_scripts.evaluate_places`). The paper's tables, each by one command:

  Table I       --dataset university1652:PATH --direction both
  Table II      --dataset university1652:PATH --direction both --condition all
  III and IV    --dataset sues200:PATH --direction both --height all, or M with the model of that height
  V and VI      the same with --trained-on university1652
  Table VII     --dataset university1652:PATH --direction both --ablation NAME, a model for each NAME

Or KIND is world, with --gallery DIR: a folder of photos and `truth.csv` (columns file, lon, lat of the ground point
under the image centre, and whatever else is known), as `make_sample photos` writes it. A tile is right when its
footprint covers that point.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer
from gallery.geo import LonLat, distance_m
from gallery.metrics import average_precision
from gallery.report import row_of, write_report
from gallery.search import ROTATIONS, Answer
from mean_model.errors import MeanModelError
from mean_model.memory import keep_freed_memory
from mean_model.photo import Photo
from train_scripts.data.__main__ import Parser
from train_scripts.data.errors import BadRequest, DatasetError
from train_scripts.data.files import shown
from train_scripts.data.readers import DATASET_KINDS
from train_scripts.protocols import PROTOCOLS, VIEWS, check_direction, check_protocol
from train_scripts.tables import ABLATIONS

PoseError = tuple[float, float, float]
"""Standard deviations: heading in degrees, pitch in degrees, height in percent."""

SHOWN = 10  # tiles per query in a report
Z95 = 1.959964

BOTH = "both"
WORLD = "world"
WORLD_OPTIONS = ("gallery", "rotations", "north_up", "pose_error")
PLACES_OPTIONS = (
    "protocol", "direction", "height", "condition", "multi_query", "positions", "skip_unreadable", "batch",
    "vectors", "trained_on", "ablation",
)  # fmt: skip


@dataclass(frozen=True)
class Query:
    """A photo with its truth; None where the table does not say."""

    file: Path
    truth: LonLat
    altitude_m: float | None
    condition: str | None


@dataclass(frozen=True)
class Outcome:
    """Percentages over all queries, and what they are made of.

    Attributes:
        first: (Q,) 0-based rank of the first right tile, -1 for a query that no tile covers.
        ap: (Q,) trapezoidal average precision, 0 to 1.
        error_m: (Q,) metres from the truth to the best tile's centre.
    """

    first: np.ndarray
    ap: np.ndarray
    error_m: np.ndarray
    gallery: int

    def summary(self, protocol: str) -> dict[str, Any]:
        ks: dict[str, int] = {"1": 1, "5": 5, "10": 10, "1%": round(self.gallery * 0.01) + 1}
        hits = {name: int(((self.first >= 0) & (self.first < k)).sum()) for name, k in ks.items()}
        count = len(self.first)
        return {
            "recall": {name: 100 * hit / count for name, hit in hits.items()},
            "interval95": {name: wilson(hit, count) for name, hit in hits.items()},
            "ap": 100 * float(self.ap.mean()),
            "median_error_m": float(np.median(self.error_m)),
            "queries": count,
            "without_match": int((self.first < 0).sum()),
            "gallery": self.gallery,
            "protocol": protocol,
        }


def wilson(hits: int, count: int) -> list[float]:
    """95 % interval of a share in percent, Wilson's score interval."""
    share, z2 = hits / count, Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return [round(100 * max(0.0, middle - half), 2), round(100 * min(1.0, middle + half), 2)]


def read_queries(folder: Path) -> list[Query]:
    """The photos of a `world` folder, in the order of its table.

    Raises:
        GalleryError: there is no table, or a row lacks its position.
    """
    table = folder / "truth.csv"
    if not table.exists():
        raise GalleryError(f"{folder.name} has no truth.csv; make one with python -m train_scripts.make_sample photos.")
    with table.open(newline="") as rows:
        try:
            return [
                Query(
                    folder / row["file"],
                    LonLat(float(row["lon"]), float(row["lat"])),
                    float(row["altitude_m"]) if row.get("altitude_m") else None,
                    row.get("condition") or None,
                )
                for row in csv.DictReader(rows)
            ]
        except (KeyError, ValueError) as error:
            raise GalleryError(f"truth.csv needs the columns file, lon, lat with numbers ({error}).") from error


def score(gallery: Gallery, rows: np.ndarray, truths: Sequence[LonLat]) -> Outcome:
    """Compare rankings with the truth.

    Args:
        rows: (Q, N) all tiles of the gallery for each query, best first.
    """
    shapes = np.asarray(gallery.tiles.geometry)
    points = shapely.points([[truth.lon, truth.lat] for truth in truths])
    right = np.stack([shapely.covers(shapes, point) for point in points])
    hits = np.take_along_axis(right, rows, axis=1)
    first = np.where(hits.any(axis=1), hits.argmax(axis=1), -1)
    best = [gallery.tile(int(row)).centre for row in rows[:, 0]]
    errors = np.array([distance_m(truth, centre) for truth, centre in zip(truths, best, strict=True)])
    return Outcome(first, average_precision(hits), errors, len(gallery))


def located(answers: Sequence[Answer], truths: Sequence[LonLat]) -> dict[str, Any]:
    """How often an answer dares a position, and how often the truth then lies within its radius."""
    dared = [(a.position, t) for a, t in zip(answers, truths, strict=True) if a.position is not None]
    right = sum(distance_m(LonLat(p.lon, p.lat), t) <= p.radius_m for p, t in dared)
    return {"located": len(dared), "located_right": right}


def pose_error(text: str) -> PoseError:
    """`HEADING,PITCH,HEIGHT` as three numbers that are not negative."""
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) != 3 or not all(0 <= number < math.inf for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no HEADING,PITCH,HEIGHT, such as 5,2,10")
    return numbers[0], numbers[1], numbers[2]


def disturbed(photo: Photo, error: PoseError, random: np.random.Generator) -> Photo:
    """The photo with normal errors added to its stated pose; what it does not state stays so."""
    heading, pitch, height = random.standard_normal(3) * error
    stated = photo.attitude
    attitude = replace(
        stated,
        heading_deg=None if stated.heading_deg is None else (stated.heading_deg + heading) % 360,
        pitch_deg=None if stated.pitch_deg is None else float(np.clip(stated.pitch_deg + pitch, -90, 90)),
        height_m=None if stated.height_m is None else stated.height_m * (1 + height / 100),
    )
    return replace(photo, attitude=attitude)


def parser() -> Parser:
    top = Parser(
        "python -m train_scripts.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--model", default="starter", help="a folder, file, Hub id, or 'starter'")
    top.add_argument("--dataset", required=True, metavar="KIND:PATH", help="see above")
    top.add_argument("--out", type=Path, help="write a report (Parquet), one row per query")
    top.add_argument("--json", action="store_true", help="print one JSON document")

    places = top.add_argument_group("pictures of places")
    places.add_argument(
        "--protocol",
        choices=(*PROTOCOLS, BOTH),
        default="paper",
        help="paper (default) removes gallery places that no query shows, full ranks them too",
    )
    places.add_argument("--direction", choices=(*VIEWS, BOTH), default=next(iter(VIEWS)))
    places.add_argument("--height", metavar="M", help="of sues200 or denseuav: metres, mixed (default), or all in turn")
    places.add_argument(
        "--condition", default="normal", metavar="NAME", help="weather on drone pictures: a name, several, or all"
    )
    places.add_argument("--multi-query", action="store_true", help="one query a place, the mean of its pictures")
    places.add_argument("--positions", type=Path, metavar="FILE", help="KML or CSV with the places' positions")
    places.add_argument("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    places.add_argument("--batch", type=int, metavar="N", help="pictures in one pass of the network")
    places.add_argument("--vectors", type=Path, metavar="FILE", help="write the embeddings (.npz) for make_figures")
    places.add_argument("--trained-on", choices=("university1652", "sues200"), help="what the tables say of the model")
    places.add_argument("--ablation", choices=ABLATIONS, help="the row of Table VII that the model is")

    world = top.add_argument_group("world")
    world.add_argument("--gallery", type=Path, help="the gallery that is searched")
    world.add_argument("--rotations", type=int, choices=ROTATIONS, default=16, help="turns of a query without heading")
    world.add_argument(
        "--north-up", action=argparse.BooleanOptionalAction, default=True, help="use the pose that photos state"
    )
    world.add_argument(
        "--pose-error",
        type=pose_error,
        default=(0.0, 0.0, 0.0),
        metavar="HEADING,PITCH,HEIGHT",
        help="disturb the stated poses: standard deviations in degrees, degrees and percent, such as 5,2,10",
    )
    return top


def main(argv: list[str] | None = None) -> None:
    keep_freed_memory()
    top = parser()
    options = top.parse_args(argv)
    kind, _, path = options.dataset.partition(":")
    foreign = PLACES_OPTIONS if kind == WORLD else WORLD_OPTIONS
    given = [name for name in foreign if getattr(options, name) != top.get_default(name)]
    try:
        if kind not in (WORLD, *DATASET_KINDS):
            kinds = ", ".join((*DATASET_KINDS, WORLD))
            raise BadRequest(f"There is no kind of dataset {kind!r}. Write KIND:PATH with one of {kinds}.")
        if given:
            raise BadRequest(f"--{given[0].replace('_', '-')} does not belong to {kind}. Leave it out.")
        if kind == WORLD:
            _evaluate_world(options, path)
        else:
            _evaluate_places(options)
    except (DatasetError, GalleryError, MeanModelError) as error:
        top.error(shown(str(error)))


def _evaluate_world(options: argparse.Namespace, path: str) -> None:
    if not path or options.gallery is None:
        raise BadRequest("A world needs its folder and a gallery. Write --dataset world:FOLDER --gallery DIR.")
    summary = run(
        options.model,
        Path(path),
        options.gallery,
        options.rotations,
        options.out,
        north_up=options.north_up,
        pose_error=options.pose_error,
    )
    if options.json:
        _write_json(summary)
        return
    for name, value in summary["recall"].items():
        low, high = summary["interval95"][name]
        sys.stdout.write(f"R@{name:<3} {value:6.2f} %   (95 %: {low:.1f} to {high:.1f})\n")
    sys.stdout.write(
        f"AP    {summary['ap']:6.2f} %\n{summary['queries']} queries, {summary['gallery']} tiles, "
        f"median {summary['median_error_m']:.0f} m to the best tile's centre\n"
        f"position given for {summary['located']}, right for {summary['located_right']}\n"
    )


def _evaluate_places(options: argparse.Namespace) -> None:
    from train_scripts import evaluate_places
    from train_scripts.data import weather

    request = evaluate_places.Request(
        options.dataset,
        options.model,
        protocols=tuple(PROTOCOLS) if options.protocol == BOTH else (check_protocol(options.protocol),),
        directions=tuple(VIEWS) if options.direction == BOTH else (check_direction(options.direction),),
        conditions=weather.chosen(options.condition),
        height=options.height,
        multi_query=options.multi_query,
        positions=options.positions,
        skip_unreadable=options.skip_unreadable,
        batch=options.batch,
        out=options.out,
        vectors=options.vectors,
        trained_on=options.trained_on,
        ablation=options.ablation,
    )
    summaries = []
    for summary in evaluate_places.run(request):
        summaries.append(summary)
        if not options.json:
            sys.stdout.write(f"{evaluate_places.text(summary)}\n")
            sys.stdout.flush()
    if options.json:
        _write_json(summaries[0] if len(summaries) == 1 else summaries)
    elif len(summaries) > 1:
        sys.stdout.write(evaluate_places.tables_of(summaries))


def _write_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


def run(
    model: str,
    folder: Path,
    gallery_dir: Path,
    rotations: int,
    out: Path | None,
    *,
    north_up: bool = True,
    pose_error: PoseError = (0.0, 0.0, 0.0),
) -> dict[str, Any]:
    """Evaluate and, if asked, write the report. Returns the summary.

    Args:
        pose_error: standard deviations of what is added to heading (degrees), pitch (degrees) and height (percent).
    """
    from mean_model import load_model

    queries = read_queries(folder)
    embedder = load_model(model)
    gallery = Gallery.open(gallery_dir)
    localizer = Localizer(gallery, embedder)
    rankings, answers = [], []
    random = np.random.default_rng(0)
    for query in tqdm(queries, unit="photo", file=sys.stderr):
        photo = disturbed(embedder.read(query.file), pose_error, random)
        views, ranking = localizer.rank(photo, len(gallery), rotations, north_up)
        rankings.append(ranking.rows)
        answers.append(localizer.judge(photo, views, ranking, SHOWN))
    truths = [query.truth for query in queries]
    outcome = score(gallery, np.stack(rankings), truths)
    summary = {
        **outcome.summary("position: the tile's footprint covers the ground point"),
        **located(answers, truths),
        "rotations": rotations,
        "north_up": north_up,
        "pose_error": list(pose_error),
        "model": embedder.name,
        "fingerprint": embedder.fingerprint,
    }
    if out:
        rows = [
            row_of(a, q.file.stem, str(q.file.name), q.truth, altitude_m=q.altitude_m, condition=q.condition)
            for a, q in zip(answers, queries, strict=True)
        ]
        write_report(out, rows, summary)
    return summary


if __name__ == "__main__":
    main()
