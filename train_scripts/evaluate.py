"""Measures a model: `python -m train_scripts.evaluate --model SOURCE --dataset world:FOLDER --gallery DIR [--json]`.

A `world` folder holds photos and `truth.csv` (columns file, lon, lat of the ground point under the image centre, and
whatever else is known), as `make_sample photos` writes it. A tile is right when its footprint covers that point.
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

PoseError = tuple[float, float, float]
"""Standard deviations: heading in degrees, pitch in degrees, height in percent."""

SHOWN = 10  # tiles per query in a report
Z95 = 1.959964


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


def main(argv: list[str] | None = None) -> None:
    keep_freed_memory()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter", help="a folder, file, Hub id, or 'starter'")
    parser.add_argument("--dataset", required=True, metavar="KIND:PATH", help="world:FOLDER with photos and truth.csv")
    parser.add_argument("--gallery", type=Path, required=True, help="the gallery that is searched")
    parser.add_argument("--rotations", type=int, choices=ROTATIONS, default=16, help="turns of a query without heading")
    parser.add_argument(
        "--north-up", action=argparse.BooleanOptionalAction, default=True, help="use the pose that photos state"
    )
    parser.add_argument(
        "--pose-error",
        type=pose_error,
        default=(0.0, 0.0, 0.0),
        metavar="HEADING,PITCH,HEIGHT",
        help="disturb the stated poses: standard deviations in degrees, degrees and percent, such as 5,2,10",
    )
    parser.add_argument("--out", type=Path, help="write a report (Parquet), one row per query")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    kind, _, path = options.dataset.partition(":")
    if kind != "world" or not path:
        parser.error(f"--dataset is {options.dataset!r}; only world:FOLDER can be evaluated so far.")
    try:
        summary = run(
            options.model,
            Path(path),
            options.gallery,
            options.rotations,
            options.out,
            north_up=options.north_up,
            pose_error=options.pose_error,
        )
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    if options.json:
        json.dump(summary, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for name, value in summary["recall"].items():
        low, high = summary["interval95"][name]
        sys.stdout.write(f"R@{name:<3} {value:6.2f} %   (95 %: {low:.1f} to {high:.1f})\n")
    sys.stdout.write(
        f"AP    {summary['ap']:6.2f} %\n{summary['queries']} queries, {summary['gallery']} tiles, "
        f"median {summary['median_error_m']:.0f} m to the best tile's centre\n"
        f"position given for {summary['located']}, right for {summary['located_right']}\n"
    )


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
