"""What the whole product, ground included, says of one photo whose truth is known, and figures of many."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from gallery import Localizer
from gallery.geo import LonLat, distance_m
from gallery.intervals import wilson
from gallery.registration.combine import SIFT, XFEAT
from gallery.registration.locate import Candidate
from gallery.search.options import SearchOptions
from gallery.search.registering import stated_of
from mean_model.photo import Photo
from train_scripts.evaluation.photos import disturbed

TUNING, REPORTING = "tuning", "reporting"

ERROR = (10.0, 5.0, 20.0)
"""Standard deviations of a disturbed pose: heading and pitch in degrees, height in percent."""

MANNERS = ("stated", "disturbed", "no heading", "nothing stated")
"""How photos are asked: with the pose that they state, disturbed by `ERROR`, without its heading, or without any."""


@dataclass(frozen=True)
class GroundRow:
    """One photo asked in one manner.

    Attributes:
        set: name of the set that the photo belongs to.
        kind: "real" or "rendered".
        photo: its name.
        half: `TUNING` or `REPORTING`.
        manner: one of `MANNERS`.
        matcher: of the closer comparison.
        elsewhere: the gallery does not hold its place.
        error_m: from the truth to the place; None where there is none.
        right_tile: the place is right by the measure of its tile.
        located: whether the product believes it.
        probability: by the ground, that its place is right within 25 m; None where it laid none down.
        cpu_s: processor seconds of the answer.
        pose_stated: heading and scale were stated.
        candidates: the places that were looked at, likeliest first.
        confirmed: whether the closer comparison found each; None: it was not compared.
        off_m: metres of each from the truth; empty where the gallery lacks that.
    """

    set: str
    kind: str
    photo: str
    half: str
    manner: str
    matcher: str
    elsewhere: bool
    error_m: float | None
    right_tile: bool
    located: bool
    probability: float | None
    cpu_s: float
    pose_stated: bool
    candidates: tuple[Candidate, ...]
    confirmed: tuple[bool | None, ...]
    off_m: tuple[float, ...]

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> GroundRow:
        """A row from what JSON holds of it."""
        candidates = tuple(Candidate(**one) for one in row["candidates"])
        return cls(
            **{**row, "candidates": candidates, "confirmed": tuple(row["confirmed"]), "off_m": tuple(row["off_m"])}
        )


def asked_in(photo: Photo, manner: str, random: np.random.Generator) -> Photo:
    """A photo as one of `MANNERS` has it."""
    if manner == "disturbed":
        return disturbed(photo, ERROR, random)
    if manner == "nothing stated":
        return replace(photo, pose=None)
    if manner == "no heading" and photo.pose is not None:
        return replace(photo, pose=replace(photo.pose, heading_deg=None))
    return photo


def halves(names: Sequence[str]) -> dict[str, str]:
    """The half that each photo belongs to, so that no place is in both.

    Every second place where names begin with `PLACE-`; else the first half of the names, which follow a flight.
    """
    ordered = sorted(names)
    if not all("-" in name for name in ordered):
        return {name: TUNING if 2 * at < len(ordered) else REPORTING for at, name in enumerate(ordered)}
    places = sorted({name.split("-")[0] for name in ordered})
    return {name: (TUNING, REPORTING)[places.index(name.split("-")[0]) % 2] for name in ordered}


def ask(
    localizer: Localizer, photo: Photo, truth: LonLat | None, manner: str, about: Mapping[str, Any], with_network: bool
) -> GroundRow:
    """Ask one photo, as the app does.

    Args:
        localizer: with the ground of its gallery.
        photo: as `embedder.read` returns it.
        truth: that its centre shows; None for a photo of elsewhere.
        manner: one of `MANNERS`.
        about: `set`, `kind`, `photo` and `half` of the row.
        with_network: whether the localizer compares closely by a network's points.
    """
    asked = asked_in(photo, manner, np.random.default_rng(list(str(about["photo"]).encode())))
    begun = time.process_time()
    answer = localizer.localize(asked)
    cpu_s = time.process_time() - begun
    laid = answer.ground
    candidates = () if laid is None else laid.placement.candidates
    places = [] if laid is None else [laid.canvas.lonlat(each.east_m, each.north_m) for each in candidates]
    return GroundRow(
        **about,
        manner=manner,
        matcher=XFEAT if with_network else SIFT,
        elsewhere=truth is None,
        error_m=None if truth is None else answer.error_m(truth),
        right_tile=truth is not None and answer.is_right(truth),
        located=answer.position is not None,
        probability=None if laid is None else laid.probability,
        cpu_s=cpu_s,
        pose_stated=stated_of(asked, SearchOptions()).known.pose,
        candidates=candidates,
        confirmed=() if laid is None else laid.placement.confirmed,
        off_m=() if truth is None else tuple(distance_m(truth, place) for place in places),
    )


def figures(rows: Iterable[GroundRow]) -> list[dict[str, Any]]:
    """A line for each set, matcher, manner and half."""

    def group_of(row: GroundRow) -> tuple[str, str, str, bool, str, int]:
        return row.kind, row.set, row.half, row.elsewhere, row.matcher, MANNERS.index(row.manner)

    return [_line(list(own)) for _, own in groupby(sorted(rows, key=group_of), key=group_of)]


def _line(rows: Sequence[GroundRow]) -> dict[str, Any]:
    first, located = rows[0], [row for row in rows if row.located]
    errors_m = [row.error_m for row in rows if row.error_m is not None]
    wrong = sum(row.elsewhere or not row.right_tile for row in located)
    return {
        "kind": first.kind,
        "set": first.set,
        "half": first.half,
        "elsewhere": first.elsewhere,
        "matcher": first.matcher,
        "manner": first.manner,
        "photos": len(rows),
        "within_25_m": sum(error_m <= 25 for error_m in errors_m),
        "within_50_m": sum(error_m <= 50 for error_m in errors_m),
        "right_tile": sum(row.right_tile for row in rows),
        "located": len(located),
        "located_wrong": wrong,
        "wrong_interval95": list(wilson(wrong, len(located))) if located else None,
        "median_m": float(np.median(errors_m)) if errors_m else None,
        "cpu_s": float(np.median([row.cpu_s for row in rows])),
    }


def text_of(lines: Sequence[Mapping[str, Any]]) -> str:
    """The figures as a table of Markdown."""
    head = ("kind", "photos of", "half", "asked", "matcher", "n", "25 m", "50 m", "tile", "located", "wrong", "m", "s")
    told = [head, ("---",) * len(head)]
    for one in lines:
        there = not one["elsewhere"]
        told.append(
            (
                one["kind"],
                one["set"],
                one["half"] if there else "elsewhere",
                one["manner"],
                one["matcher"],
                one["photos"],
                *(one[name] if there else "" for name in ("within_25_m", "within_50_m", "right_tile")),
                one["located"],
                one["located_wrong"],
                "" if one["median_m"] is None else f"{one['median_m']:.1f}",
                f"{one['cpu_s']:.1f}",
            )
        )
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in told)
