"""What stands in a procedural region: vector objects in metres, and the terrain below them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from train_scripts.data.world.noise import Float32
from train_scripts.data.world.terrain import Terrain

Indices = NDArray[np.int64]


class Kind(IntEnum):
    """What an area of the ground is made of."""

    MEADOW = 0
    FIELD = 1
    FOREST = 2
    LAWN = 3
    SOIL = 4
    ASPHALT = 5
    PAVING = 6
    CONCRETE = 7
    GRAVEL = 8
    SAND = 9
    POND = 10
    POOL = 11
    TARTAN = 12
    PITCH = 13
    COURT = 14
    PLAZA = 15
    WOOD = 16
    SOLAR = 17
    ORCHARD = 18
    YARD = 19
    SEA = 20
    RIVER = 21
    ROCK = 22
    BALLAST = 23


class Roof(IntEnum):
    """The shape of the upper side of a box."""

    FLAT = 0
    GABLE = 1
    HIP = 2
    ROUND = 3  # a cylinder with a flat top
    BOAT = 4  # flat, pointed at the front
    SAW = 5  # a factory's saw teeth
    SHED = 6  # one tilted plane


class Tree(IntEnum):
    """What grows."""

    BROADLEAF = 0
    CONIFER = 1
    BUSH = 2
    FRUIT = 3
    PALM = 4


@dataclass(frozen=True)
class Style:
    """The character of a region."""

    coast: bool = True  # False: no sea
    island: bool = False  # the sea on all sides, not one
    river: bool = True
    hills_m: float = 25.0
    grid_angle_rad: float = 0.0  # of the streets in the town's centre
    district_m: float = 420.0  # between the main roads
    block_m: float = 85.0  # between the streets
    lot_m: float = 17.0  # width of a house's lot
    field_m: float = 150.0
    urban: float = 1.0  # size of the town, 0 for none, 1 usual, 2 large
    forest: float = 0.25  # share of the open land
    trees: float = 1.0  # density of trees in the town
    warp_m: float = 22.0  # how far straight lines bend
    roofs: int = 0  # palette of the roofs
    walls: int = 0  # palette of the facades
    flat_roofs: float = 0.25  # share of flat roofs in the centre
    dryness: float = 0.3  # 0 lush, 1 dry


@dataclass(frozen=True)
class Areas:
    """Polygons on the ground, in the order of painting."""

    points: Float32  # (P, 2)
    starts: Indices  # (N + 1,) into points
    kind: NDArray[np.uint8]  # (N,)
    layer: NDArray[np.uint8]  # (N,)
    variant: Float32  # (N,) in 0..1: which of the kind's colours
    angle: Float32  # (N,) of crop rows and the like, radians
    period_m: Float32  # (N,) between crop rows, 0 for none
    bounds: Float32  # (N, 4) west, south, east, north


@dataclass(frozen=True)
class Lines:
    """Painted lines on the ground (road markings, pitches): straight pieces."""

    ends: Float32  # (N, 4) x0, y0, x1, y1
    width_m: Float32  # (N,)
    tone: NDArray[np.uint8]  # (N,) 0 white, 1 yellow, 2 rails


@dataclass(frozen=True)
class Boxes:
    """Everything built: a rectangle in plan, walls and a roof."""

    x: Float32
    y: Float32
    half_u: Float32  # half the length along the ridge
    half_v: Float32  # half the width across it
    angle: Float32  # of the ridge, radians from east towards north
    eave_m: Float32  # top of the walls, metres above sea level
    slope: Float32  # rise over run of the roof
    roof: NDArray[np.uint8]
    colour: NDArray[np.uint8]  # (N, 3) of the roof
    wall: NDArray[np.uint8]  # (N, 3)
    part: NDArray[np.bool_]  # True: stands on another box (chimney, air conditioning)


@dataclass(frozen=True)
class Trees:
    """Everything that grows upright, with a round crown."""

    x: Float32
    y: Float32
    radius_m: Float32
    height_m: Float32  # above the ground
    kind: NDArray[np.uint8]
    hue: Float32  # in 0..1


@dataclass(frozen=True)
class Slots:
    """Places where a car may stand or drive."""

    x: Float32
    y: Float32
    angle: Float32
    chance: Float32  # of being taken
    play_m: Float32  # how far along its heading the car may be shifted
    truck: NDArray[np.bool_]


@dataclass(frozen=True)
class Roads:
    """Paved strips above the beach: polygons with one height rule for bridges."""

    areas: Areas
    bridge: NDArray[np.bool_]  # (N,) crosses the river on a deck


@dataclass(frozen=True)
class Scene:
    """A whole region: x metres east, y metres north of its centre."""

    seed: int
    size_m: float
    style: Style
    terrain: Terrain
    areas: Areas
    roads: Roads
    lines: Lines
    boxes: Boxes
    trees: Trees
    slots: Slots


def pack_areas(polygons: list[NDArray[np.floating]], rows: list[tuple[int, int, float, float, float]]) -> Areas:
    """Polygons (each (n, 2)) and their (kind, layer, variant, angle, period) as one sorted table."""
    order = sorted(range(len(rows)), key=lambda i: rows[i][1])
    polygons, rows = [polygons[i] for i in order], [rows[i] for i in order]
    starts = np.concatenate([[0], np.cumsum([len(p) for p in polygons])]).astype(np.int64)
    points = np.concatenate([*polygons, np.zeros((0, 2))]).astype(np.float32)
    table = np.array(rows, np.float64).reshape(-1, 5)
    if len(rows):
        low, high = np.minimum.reduceat(points, starts[:-1]), np.maximum.reduceat(points, starts[:-1])
        bounds = np.concatenate([low, high], axis=1)
    else:
        bounds = np.zeros((0, 4), np.float32)
    return Areas(
        points=points,
        starts=starts,
        kind=table[:, 0].astype(np.uint8),
        layer=table[:, 1].astype(np.uint8),
        variant=table[:, 2].astype(np.float32),
        angle=table[:, 3].astype(np.float32),
        period_m=table[:, 4].astype(np.float32),
        bounds=bounds,
    )
