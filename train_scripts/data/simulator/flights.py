"""Flights over a scene: straight legs and turns at a steady speed, and the shots that a drone takes on its way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from train_scripts.data.simulator.camera_files import Shot
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance

TURN_DEG_S = 20.0
STEP_S = 0.25  # of the integration
TAKE_OFF = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Leg:
    """A straight stretch, and the turn at its end, clockwise."""

    length_m: float
    turn_deg: float = 0.0


@dataclass(frozen=True)
class Moment:
    """Where a flight is: metres east and north of the region's centre, its course, and seconds since take-off."""

    east_m: float
    north_m: float
    course_deg: float
    time_s: float


def flown(start: Moment, legs: Sequence[Leg], speed_m_s: float, every_s: float) -> list[Moment]:
    """The moments, every so many seconds, of a flight along its legs; turns are flown at `TURN_DEG_S`."""
    return list(_every(_steps(start, legs, speed_m_s), every_s))


def _steps(start: Moment, legs: Sequence[Leg], speed_m_s: float) -> Iterator[Moment]:
    now = start
    yield now
    for leg in legs:
        straight = round(leg.length_m / speed_m_s / STEP_S)
        turning = math.ceil(abs(leg.turn_deg) / TURN_DEG_S / STEP_S)
        for turned_deg in [0.0] * straight + [leg.turn_deg / max(turning, 1)] * turning:
            course_deg = (now.course_deg + turned_deg) % 360
            along_m, course = speed_m_s * STEP_S, math.radians(course_deg)
            east_m, north_m = now.east_m + along_m * math.sin(course), now.north_m + along_m * math.cos(course)
            now = Moment(east_m, north_m, course_deg, now.time_s + STEP_S)
            yield now


def _every(steps: Iterator[Moment], every_s: float) -> Iterator[Moment]:
    due_s = 0.0
    for moment in steps:
        if moment.time_s >= due_s - STEP_S / 2:
            yield moment
            due_s += every_s


def random_flight(
    scene: Scene, random: np.random.Generator, count: int, *, speed_m_s: float, every_s: float, reach_m: float
) -> list[Moment]:
    """A flight of `count` moments over land that stays within `reach_m` of the centre: legs of 200-500 m, any turns."""
    while True:
        east_m, north_m = random.uniform(-reach_m, reach_m, 2)
        start = Moment(float(east_m), float(north_m), float(random.uniform(0, 360)), 0.0)
        turns_deg = random.uniform(50, 140, 20) * random.choice([-1, 1], 20)
        legs = [Leg(*pair) for pair in zip(random.uniform(200, 500, 20).tolist(), turns_deg.tolist(), strict=True)]
        moments = flown(start, legs, speed_m_s, every_s)[:count]
        if all(max(abs(at.east_m), abs(at.north_m)) <= reach_m and _is_land(scene, at) for at in moments):
            return moments


def _is_land(scene: Scene, at: Moment) -> bool:
    box = at.east_m - 8, at.north_m - 8, at.east_m + 8, at.north_m + 8
    return float((rasterise(scene, box, 4.0, Appearance()).ground > 0.3).mean()) > 0.5


def shots_of(
    moments: Sequence[Moment], appearance: Appearance, *, altitude_m: float, pitch_deg: float, seed: int
) -> list[Shot]:
    """What a camera shoots that aims at the flight's path and looks along its course."""
    one = Shot(0.0, 0.0, altitude_m, 0.0, pitch_deg, 0.0, appearance, 9000.0, seed)
    return [
        replace(one, east_m=at.east_m, north_m=at.north_m, heading_deg=at.course_deg, seed=seed + number)
        for number, at in enumerate(moments)
    ]


def clock(moment: Moment) -> datetime:
    """What the camera's clock shows."""
    return TAKE_OFF + timedelta(seconds=moment.time_s)
