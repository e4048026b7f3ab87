"""Measures tracks on simulated flights over the sample region: `python -m train_scripts.evaluate_flights [options]`.

Each flight is rendered once, its photos are asked once (with the pose that they state, and with a guessed one), and
both are kept; the tracks themselves take seconds. Where the gallery has its ground, the photos are also asked as a
track asks them, each near the place of the one before, and heard by their probabilities over the ground. In the middle
of each flight a few photos show another world, of which nothing should be claimed. A share of the answers is then
replaced by those of photos of other flights, as wrong matches would be. What each photo claims by itself is compared
with what the track of all claims.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gallery import Gallery, Localizer
from gallery.constants import SAMPLE
from gallery.embedder import read_photo
from gallery.errors import GalleryError
from gallery.geo import Bounds, LonLat, Position, distance_m
from gallery.ground.sheets import open_ground
from gallery.intervals import wilson
from gallery.judge.geometry import PICTURE_PX
from gallery.registration.places import PlaceProbabilities
from gallery.search.options import SearchOptions
from gallery.track.track import RANKED, Frame, Sighting, sightings, track
from mean_model.errors import MeanModelError
from train_scripts.data.simulator.flights import clock, random_flight, shots_of
from train_scripts.data.world.shading import random_appearance
from train_scripts.make_sample import REACH_M, SATELLITE, SEED, Shoot, sample_scene, shoot

PLACE_COLUMNS = ("lons", "lats", "chances", "spreads_m")
"""The arrays of `PlaceProbabilities`."""

COUNT = 36  # photos of a flight
EVERY_S = 4.0
ELSEWHERE = 77  # the seed of another world
ELSEWHERE_PHOTOS = range(15, 22)
WRONG_M = 100.0
"""Metres beyond which a claimed place is wrong."""

FAR_M = 500.0
"""Least metres between a photo and the one whose answer stands for a wrong match."""

KINDS = ("plain", "checked", "ground")
"""How photos are asked: by the network alone, with the check by geometry, and by the gallery's ground."""

POSES = {"stated": True, "guessed": False}


@dataclass(frozen=True)
class PhotoAnswers:
    """What one photo says, without and with the check by geometry and by the ground, and where it was taken."""

    plain: Sighting
    checked: Sighting
    truth: LonLat | None  # None: another world
    ground: Sighting | None = None  # None: the gallery has no ground

    def told(self, kind: str) -> Sighting | None:
        """What it says in one of the `KINDS`."""
        sighting: Sighting | None = getattr(self, kind)
        return sighting


@dataclass(frozen=True)
class Claim:
    """What is claimed of one photo."""

    position: Position | None
    truth: LonLat | None

    @property
    def error_m(self) -> float:
        """Metres to the truth; infinite for a photo of another world."""
        if self.truth is None or self.position is None:
            return float("inf")
        return distance_m(self.truth, LonLat(self.position.lon, self.position.lat))


def render(folder: Path, seed: int, flights: int, workers: int) -> None:
    """Render flights of random legs over Null Island; what is there stays."""
    scene = sample_scene()
    for flight in range(flights):
        random = np.random.default_rng([seed, flight])
        speed_m_s = float(random.uniform(8, 16))
        moments = random_flight(scene, random, COUNT, speed_m_s=speed_m_s, every_s=EVERY_S, reach_m=REACH_M)
        appearance = replace(random_appearance(random), crop_seed=SATELLITE.crop_seed)
        shots = shots_of(
            moments,
            appearance,
            altitude_m=float(np.exp(random.uniform(np.log(80), np.log(250)))),
            pitch_deg=float(random.uniform(-90, -55)),
            seed=seed * 100_000 + flight * 1000,
        )
        tasks = {
            f"flight_{flight:02d}_{number:02d}.jpg": Shoot(
                shot, 512, 0.4, 88, clock(moment), ELSEWHERE if number in ELSEWHERE_PHOTOS else SEED
            )
            for number, (shot, moment) in enumerate(zip(shots, moments, strict=True))
        }
        shoot(folder / f"{flight:02d}", tasks, workers)


def ask(localizer: Localizer, folder: Path, pose: str, on_ground: bool) -> list[PhotoAnswers]:
    """Ask all photos of one flight; answers that are there from an earlier run are kept.

    Args:
        pose: of `POSES`.
        on_ground: whether to ask by the gallery's ground too.
    """
    with (folder / "truth.csv").open() as table:
        truth = {row["file"]: LonLat(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(table)}
    kept = folder / f"answers-{pose}-{localizer.embedder.fingerprint}.jsonl"
    known = _kept(kept)
    left = list(truth)[len(known) :]
    rows = ({"name": name, **_answers(localizer, folder / name, POSES[pose])} for name in left)
    known += _noted(rows, kept, f"{folder.name} {pose}", len(left))
    grounds = _ask_ground(localizer, folder, pose, list(truth)) if on_ground else [None] * len(known)
    return [
        PhotoAnswers(
            _sighting(row["name"], row, row["plain"]),
            _sighting(row["name"], row, row["checked"]),
            None if number in ELSEWHERE_PHOTOS else truth[row["name"]],
            ground,
        )
        for number, (row, ground) in enumerate(zip(known, grounds, strict=True))
    ]


def _ask_ground(localizer: Localizer, folder: Path, pose: str, names: Sequence[str]) -> list[Sighting]:
    """The photos of a flight as a track asks them, the next one near the one before."""
    kept = folder / f"ground-{pose}-{localizer.embedder.fingerprint}.jsonl"
    known = _kept(kept)
    left = names[len(known) :]
    frames = [Frame(name, folder / name) for name in left]
    asked = sightings(localizer, frames, options=SearchOptions(north_up=POSES[pose]))
    known += _noted(_timed(map(_row, asked)), kept, f"{folder.name} {pose} ground", len(left))
    return [_sighting(row["name"], row, row, _places(row["ground"])) for row in known]


def _kept(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _noted(rows: Iterator[dict[str, Any]], file: Path, what: str, count: int) -> list[dict[str, Any]]:
    """The rows, each written down as it comes."""
    noted = []
    with file.open("a") as log:
        for row in tqdm(rows, desc=what, total=count, unit="photo", file=sys.stderr):
            log.write(json.dumps(row) + "\n")
            log.flush()
            noted.append(row)
    return noted


def _timed(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each row with the seconds of processor time that it took."""
    begun = time.process_time()
    for row in rows:
        yield {**row, "cpu_s": time.process_time() - begun}
        begun = time.process_time()


def _row(one: Sighting) -> dict[str, Any]:
    """What is kept of a sighting."""
    places = one.ground
    assert one.taken_at is not None  # this program wrote the file
    return {
        "name": one.name,
        "taken_at": one.taken_at.isoformat(),
        "rows": one.rows.tolist(),
        "scores": one.scores.tolist(),
        "fit": one.fit and asdict(one.fit),
        "alone": one.alone and asdict(one.alone),
        "ground": places
        and {
            **{name: getattr(places, name).tolist() for name in PLACE_COLUMNS},
            "rest": places.rest,
            "absent": places.absent,
            "searched": [box.as_list() for box in places.searched],
        },
    }


def _places(row: dict[str, Any] | None) -> PlaceProbabilities | None:
    """The probabilities that `_row` wrote down."""
    if row is None:
        return None
    columns = {name: np.array(row[name]) for name in PLACE_COLUMNS}
    boxes = tuple(Bounds(*box) for box in row["searched"])
    return PlaceProbabilities(**columns, rest=row["rest"], absent=row["absent"], searched=boxes)


def _answers(localizer: Localizer, file: Path, north_up: bool) -> dict[str, Any]:
    """What is kept of a photo's answers: its ranking, and the position without and with the check."""
    begun = time.process_time()
    photo = read_photo(localizer.embedder, file, PICTURE_PX)
    views, ranking = localizer.rank(photo, RANKED, SearchOptions(north_up=north_up))
    plain = localizer.judge(photo, views, ranking)
    check, led = localizer.verify(photo, views, ranking)
    checked = localizer.judge(photo, views, led, check=check)
    fit = check.fit
    assert photo.taken_at is not None  # this program wrote the file
    return {
        "taken_at": photo.taken_at.isoformat(),
        "cpu_s": time.process_time() - begun,
        "rows": ranking.rows.tolist(),
        "scores": ranking.scores.tolist(),
        "plain": {"alone": plain.position and asdict(plain.position), "fit": None},
        "checked": {
            "alone": checked.position and asdict(checked.position),
            "fit": fit and {"lon": fit.point.lon, "lat": fit.point.lat, "radius_m": fit.radius_m},
        },
    }


def _sighting(
    name: str, row: dict[str, Any], answer: dict[str, Any], places: PlaceProbabilities | None = None
) -> Sighting:
    return Sighting(
        name,
        taken_at=datetime.fromisoformat(row["taken_at"]),
        rows=np.array(row["rows"]),
        scores=np.array(row["scores"]),
        fit=answer["fit"] and Position(**answer["fit"]),
        alone=answer["alone"] and Position(**answer["alone"]),
        ground=places,
    )


def with_wrong_matches(flights: Sequence[Sequence[PhotoAnswers]], share: float, seed: int) -> list[list[PhotoAnswers]]:
    """The flights with a share of their answers taken from photos of other flights far away."""
    random = np.random.default_rng(seed)
    changed = []
    for flight in flights:
        others = [one for other in flights if other is not flight for one in other if one.truth is not None]
        mixed = list(flight)
        for number, one in enumerate(flight):
            if random.random() >= share:
                continue
            far = [o for o in others if one.truth and o.truth and distance_m(one.truth, o.truth) > FAR_M] or others
            other = far[random.integers(len(far))]
            own, others_own = one.ground, other.ground
            mixed[number] = PhotoAnswers(
                _instead(one.plain, other.plain),
                _instead(one.checked, other.checked),
                one.truth,
                None if own is None or others_own is None else _instead(own, others_own),
            )
        changed.append(mixed)
    return changed


def _instead(own: Sighting, other: Sighting) -> Sighting:
    return replace(other, name=own.name, taken_at=own.taken_at)


def claims_alone(flight: Sequence[PhotoAnswers], kind: str) -> Iterator[Claim]:
    """What each photo claims by itself. Args: kind: of `KINDS`."""
    for one in flight:
        told = one.told(kind)
        assert told is not None
        yield Claim(told.alone, one.truth)


def claims_together(localizer: Localizer, flight: Sequence[PhotoAnswers], kind: str) -> Iterator[Claim]:
    """What the track claims of each photo."""
    seen = [told for one in flight if (told := one.told(kind)) is not None]
    for one, fix in zip(flight, track(localizer, seen).fixes, strict=True):
        assert fix.photo == one.plain.name  # the clock runs as the files are named
        yield Claim(fix.position, one.truth)


def figures(claims: Sequence[Claim]) -> dict[str, Any]:
    """Errors in metres of what is claimed of the gallery's ground, shares in percent with 95 % Wilson intervals.

    `found` and `wrong` are about photos of that ground, `claimed_elsewhere` is the share of photos of another world of
    which a place is claimed all the same.
    """
    here = [claim for claim in claims if claim.truth is not None]
    found = [claim for claim in here if claim.position is not None]
    errors_m = np.array([claim.error_m for claim in found])
    elsewhere = [claim.position is not None for claim in claims if claim.truth is None]
    within = sum(claim.position is not None and claim.error_m <= claim.position.radius_m for claim in found)
    return {
        "photos": len(claims),
        "median_m": float(np.median(errors_m)) if found else None,
        "p95_m": float(np.percentile(errors_m, 95)) if found else None,
        "found": _share(len(found), len(here)),
        "wrong": _share(int((errors_m > WRONG_M).sum()), len(found)),
        "within_radius": _share(within, len(found)),
        "claimed_elsewhere": _share(sum(elsewhere), len(elsewhere)),
    }


def _share(count: int, of: int) -> dict[str, Any]:
    return {"percent": 100 * count / of if of else None, "interval95": wilson(count, of) if of else None}


def measure(
    localizer: Localizer, flights: dict[str, list[list[PhotoAnswers]]], share: float, seed: int
) -> list[dict[str, Any]]:
    """One row for each pose and kind of answers, without and with wrong matches, alone and together."""
    rows = []
    for pose, asked in flights.items():
        for wrong in (0.0, share):
            mixed = with_wrong_matches(asked, wrong, seed)
            for kind in KINDS:
                if mixed[0][0].told(kind) is None:
                    continue
                alone = [claim for flight in mixed for claim in claims_alone(flight, kind)]
                together = [claim for flight in mixed for claim in claims_together(localizer, flight, kind)]
                for filtered, claims in ((False, alone), (True, together)):
                    setting = {"pose": pose, "answers": kind, "wrong_matches": wrong, "filter": filtered}
                    rows.append({**setting, **figures(claims)})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for reading."""
    shares = ("found", "wrong", "claimed_elsewhere")
    heads = " ".join(f"{name.replace('_', ' '):>22}" for name in shares)
    lines = [f"pose     answers mixed filter {heads}   median      95 %"]
    for row in rows:
        told = " ".join(f"{_percent(row[name]):>22}" for name in shares)
        metres = [f"{row[name]:7.1f} m" if row[name] is not None else f"{'–':>9}" for name in ("median_m", "p95_m")]
        lines.append(
            f"{row['pose']:8} {row['answers']:7} {row['wrong_matches']:5.0%} "
            f"{'yes' if row['filter'] else 'no':6} {told} {' '.join(metres)}"
        )
    return "\n".join(lines)


def _percent(share: dict[str, Any]) -> str:
    if share["percent"] is None:
        return "–"
    low, high = share["interval95"]
    return f"{share['percent']:.1f} % ({low:.1f}-{high:.1f})"


def main(argv: list[str] | None = None) -> None:
    """Measure tracks on simulated flights, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flights", type=int, default=6, help="how many (default 6)")
    parser.add_argument(
        "--seed", type=int, default=43, help="43 makes the held-out flights, 41 those to choose settings by"
    )
    parser.add_argument("--pose", nargs="+", choices=POSES, default=list(POSES), help="stated, guessed (default both)")
    parser.add_argument("--wrong", type=float, default=0.2, help="share of wrong matches (default 0.2)")
    parser.add_argument("--gallery", type=Path, default=SAMPLE)
    parser.add_argument("--model", help="default: the gallery's own")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of what is rendered and asked")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    from mean_model import load_model
    from mean_model.xfeat import package_points

    folder = options.runs / f"flights_{options.seed}"
    try:
        gallery = Gallery.open(options.gallery)
        on_ground = open_ground(gallery) is not None
        render(folder, options.seed, options.flights, options.workers)
        with load_model(options.model or gallery.model_source) as embedder:
            localizer = Localizer(gallery, embedder, points=package_points())
            folders = [folder / f"{flight:02d}" for flight in range(options.flights)]
            asked = {pose: [ask(localizer, each, pose, on_ground) for each in folders] for pose in options.pose}
            rows = measure(localizer, asked, options.wrong, options.seed)
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    sys.stdout.write((json.dumps(rows, indent=1) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
