"""Measures tracks on simulated flights over the sample region: `python -m train_scripts.evaluate_flights [options]`.

Each flight is rendered once, its photos are asked once (with the pose that they state, and with a guessed one), and
both are kept; the tracks themselves take seconds. In the middle of each flight a few photos show another world, of
which nothing should be claimed. A share of the answers is then replaced by those of photos of other flights, as wrong
matches would be. What each photo claims by itself is compared with what the track of all claims.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
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
from gallery.geo import LonLat, Position, distance_m
from gallery.intervals import wilson
from gallery.judge.geometry import PICTURE_PX
from gallery.search.options import SearchOptions
from gallery.track.track import RANKED, Sighting, track
from mean_model.errors import MeanModelError
from train_scripts.data.simulator.flights import clock, random_flight, shots_of
from train_scripts.data.world.shading import random_appearance
from train_scripts.make_sample import REACH_M, SATELLITE, SEED, Shoot, sample_scene, shoot

COUNT = 36  # photos of a flight
EVERY_S = 4.0
ELSEWHERE = 77  # the seed of another world
ELSEWHERE_PHOTOS = range(15, 22)
WRONG_M = 100.0
"""Metres beyond which a claimed place is wrong."""

FAR_M = 500.0
"""Least metres between a photo and the one whose answer stands for a wrong match."""

POSES = {"stated": True, "guessed": False}


@dataclass(frozen=True)
class PhotoAnswers:
    """What one photo says, without and with the check by geometry, and where it was taken."""

    plain: Sighting
    checked: Sighting
    truth: LonLat | None  # None: another world


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


def ask(localizer: Localizer, folder: Path, pose: str) -> list[PhotoAnswers]:
    """Ask all photos of one flight; answers that are there from an earlier run are kept."""
    kept = folder / f"answers-{pose}-{localizer.embedder.fingerprint}.jsonl"
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    with (folder / "truth.csv").open() as table:
        truth = {row["file"]: LonLat(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(table)}
    with kept.open("a") as log:
        for name in tqdm(list(truth)[len(known) :], desc=f"{folder.name} {pose}", unit="photo", file=sys.stderr):
            known.append({"name": name, **_answers(localizer, folder / name, POSES[pose])})
            log.write(json.dumps(known[-1]) + "\n")
            log.flush()
    return [
        PhotoAnswers(
            _sighting(row["name"], row, row["plain"]),
            _sighting(row["name"], row, row["checked"]),
            None if number in ELSEWHERE_PHOTOS else truth[row["name"]],
        )
        for number, row in enumerate(known)
    ]


def _answers(localizer: Localizer, file: Path, north_up: bool) -> dict[str, Any]:
    """What is kept of a photo's answers: its ranking, and the position without and with the check."""
    photo = read_photo(localizer.embedder, file, PICTURE_PX)
    views, ranking = localizer.rank(photo, RANKED, SearchOptions(north_up=north_up))
    plain = localizer.judge(photo, views, ranking)
    check, led = localizer.verify(photo, views, ranking)
    checked = localizer.judge(photo, views, led, check=check)
    fit = check.fit
    assert photo.taken_at is not None  # this program wrote the file
    return {
        "taken_at": photo.taken_at.isoformat(),
        "rows": ranking.rows.tolist(),
        "scores": ranking.scores.tolist(),
        "plain": {"alone": plain.position and asdict(plain.position), "fit": None},
        "checked": {
            "alone": checked.position and asdict(checked.position),
            "fit": fit and {"lon": fit.point.lon, "lat": fit.point.lat, "radius_m": fit.radius_m},
        },
    }


def _sighting(name: str, row: dict[str, Any], answer: dict[str, Any]) -> Sighting:
    return Sighting(
        name,
        taken_at=datetime.fromisoformat(row["taken_at"]),
        rows=np.array(row["rows"]),
        scores=np.array(row["scores"]),
        fit=answer["fit"] and Position(**answer["fit"]),
        alone=answer["alone"] and Position(**answer["alone"]),
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
            mixed[number] = PhotoAnswers(
                _instead(one.plain, other.plain), _instead(one.checked, other.checked), one.truth
            )
        changed.append(mixed)
    return changed


def _instead(own: Sighting, other: Sighting) -> Sighting:
    return replace(other, name=own.name, taken_at=own.taken_at)


def claims_alone(flight: Sequence[PhotoAnswers], check: bool) -> Iterator[Claim]:
    """What each photo claims by itself."""
    for one in flight:
        yield Claim((one.checked if check else one.plain).alone, one.truth)


def claims_together(localizer: Localizer, flight: Sequence[PhotoAnswers], check: bool) -> Iterator[Claim]:
    """What the track claims of each photo."""
    fixes = track(localizer, [one.checked if check else one.plain for one in flight]).fixes
    for one, fix in zip(flight, fixes, strict=True):
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
    """One row for each pose, without and with the check, without and with wrong matches, alone and together."""
    rows = []
    for pose, asked in flights.items():
        for wrong in (0.0, share):
            mixed = with_wrong_matches(asked, wrong, seed)
            for check in (False, True):
                alone = [claim for flight in mixed for claim in claims_alone(flight, check)]
                together = [claim for flight in mixed for claim in claims_together(localizer, flight, check)]
                for filtered, claims in ((False, alone), (True, together)):
                    setting = {"pose": pose, "check": check, "wrong_matches": wrong, "filter": filtered}
                    rows.append({**setting, **figures(claims)})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for reading."""
    shares = ("found", "wrong", "claimed_elsewhere")
    heads = " ".join(f"{name.replace('_', ' '):>22}" for name in shares)
    lines = [f"pose     check mixed filter {heads}   median      95 %"]
    for row in rows:
        told = " ".join(f"{_percent(row[name]):>22}" for name in shares)
        metres = [f"{row[name]:7.1f} m" if row[name] is not None else f"{'–':>9}" for name in ("median_m", "p95_m")]
        lines.append(
            f"{row['pose']:8} {'yes' if row['check'] else 'no':5} {row['wrong_matches']:5.0%} "
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
    parser.add_argument("--wrong", type=float, default=0.2, help="share of wrong matches (default 0.2)")
    parser.add_argument("--gallery", type=Path, default=SAMPLE)
    parser.add_argument("--model", help="default: the gallery's own")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of what is rendered and asked")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    from mean_model import load_model

    folder = options.runs / f"flights_{options.seed}"
    try:
        gallery = Gallery.open(options.gallery)
        render(folder, options.seed, options.flights, options.workers)
        with load_model(options.model or gallery.model_source) as embedder:
            localizer = Localizer(gallery, embedder)
            asked = {
                pose: [ask(localizer, folder / f"{flight:02d}", pose) for flight in range(options.flights)]
                for pose in POSES
            }
            rows = measure(localizer, asked, options.wrong, options.seed)
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    sys.stdout.write((json.dumps(rows, indent=1) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
