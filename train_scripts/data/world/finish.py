"""From a site plan to a scene: everything bent, cut at the coast and the river, and set on the ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from train_scripts.data.world.scene import Areas, Boxes, Lines, Scene, Slots, Trees, pack_areas
from train_scripts.data.world.site_plan import BEACH_M, Line2d, Row, SitePlan
from train_scripts.data.world.streets import lay_streets


def finish(plan: SitePlan) -> Scene:
    """The scene: everything bent, cut at the coast and the river, and set on the ground."""
    streets = lay_streets(plan)
    areas = _areas(plan)
    boxes = _boxes(plan)
    return Scene(
        seed=plan.seed,
        size_m=plan.size_m,
        style=plan.style,
        terrain=plan.terrain,
        areas=areas,
        roads=streets.packed(),
        lines=_lines(plan, streets.lines),
        boxes=boxes,
        trees=_trees(plan, boxes, streets.polygons, [*streets.trees, *streets.islands]),
        slots=_slots(plan, streets.slots),
    )


def _areas(plan: SitePlan) -> Areas:
    dense = [densify(p, 14.0) if np.ptp(p, axis=0).max() > 40 else p for p in plan.polygons]
    if not dense:
        return pack_areas([], [])
    ends = np.cumsum([len(p) for p in dense])[:-1]
    bent = np.split(plan.bend(np.concatenate(dense)), ends)
    return pack_areas(list(bent), plan.rows)


def _boxes(plan: SitePlan) -> Boxes:
    table = np.array(plan.boxes, np.float64).reshape(-1, 15)
    here, angle = plan.bend_directed(table[:, 0], table[:, 1], table[:, 4])
    ground = plan.terrain.at(here[:, 0], here[:, 1])
    reach = 0.8 * np.maximum(table[:, 2], table[:, 3])
    keep = (ground.coast_m > BEACH_M + reach) & (ground.river_m > 5 + reach)
    keep &= ~_cleared(plan, here, reach)
    free = np.array(plan.free_boxes, np.float64).reshape(-1, 15)
    free_ground = np.maximum(plan.terrain.at(free[:, 0], free[:, 1]).height_m, 0.0)
    table[:, 0:2], table[:, 4] = here, angle
    table = np.concatenate([table[keep], free])
    base = np.concatenate([ground.height_m[keep], free_ground])
    f = table.astype(np.float32)
    return Boxes(
        x=f[:, 0],
        y=f[:, 1],
        half_u=f[:, 2],
        half_v=f[:, 3],
        angle=f[:, 4],
        eave_m=base + f[:, 6],
        slope=f[:, 7],
        roof=table[:, 8].astype(np.uint8),
        colour=np.clip(table[:, 9:12], 0, 255).astype(np.uint8),
        wall=np.clip(table[:, 12:15], 0, 255).astype(np.uint8),
        part=table[:, 5] > 0,
    )


def _cleared(plan: SitePlan, points: NDArray[np.floating], reach: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the circles (points, reach) touch a place that must stay free."""
    out = np.zeros(len(points), bool)
    if plan.clear and len(points):
        circles = np.array(plan.clear)
        for radius in np.unique(circles[:, 2]):
            tree = cKDTree(circles[circles[:, 2] == radius, :2])
            distance, _ = tree.query(points)
            out |= distance < radius + reach
    return out


def _on_roundabout(plan: SitePlan, points: NDArray[np.floating], radius_m: float) -> NDArray[np.bool_]:
    if not plan.roundabouts or not len(points):
        return np.zeros(len(points), bool)
    distance, _ = cKDTree(np.array(plan.roundabouts)).query(points)
    return np.asarray(distance < radius_m)


def _trees(plan: SitePlan, boxes: Boxes, road_polygons: list[Line2d], extra: list[Line2d]) -> Trees:
    table = np.concatenate([*plan.trees, np.zeros((0, 6))])
    if len(table):
        table[:, :2] = plan.bend(table[:, :2])
    table = np.concatenate([table, *extra])
    ground = plan.terrain.at(table[:, 0], table[:, 1])
    table = table[(ground.coast_m > 9) & (ground.river_m > 1.5)]
    half = plan.size_m / 2 + 60
    table = table[(np.abs(table[:, 0]) < half) & (np.abs(table[:, 1]) < half)]
    side = int(2 * half) + 1
    built = np.zeros((side, side), np.uint8)
    for polygon in road_polygons:
        cv2.fillPoly(built, [np.round(polygon + half - 0.5).astype(np.int32)], 1)
    c, s = np.cos(boxes.angle), np.sin(boxes.angle)
    u, v = boxes.half_u + 1, boxes.half_v + 1
    corners = [
        np.stack([boxes.x + i * u * c - j * v * s, boxes.y + i * u * s + j * v * c], axis=1)
        for i, j in ((1, 1), (-1, 1), (-1, -1), (1, -1))
    ]
    for rect in np.round(np.stack(corners, axis=1) + half - 0.5).astype(np.int32):
        cv2.fillConvexPoly(built, rect, 1)
    free = built[(table[:, 1] + half).astype(int), (table[:, 0] + half).astype(int)] == 0
    f = table[free].astype(np.float32)
    return Trees(f[:, 0], f[:, 1], f[:, 2], f[:, 3], f[:, 4].astype(np.uint8), f[:, 5])


def _lines(plan: SitePlan, extra: list[Row]) -> Lines:
    table = np.array(plan.lines, np.float64).reshape(-1, 6)
    ends = np.concatenate([plan.bend(table[:, 0:2]), plan.bend(table[:, 2:4])], axis=1)
    ground = plan.terrain.at((ends[:, 0] + ends[:, 2]) / 2, (ends[:, 1] + ends[:, 3]) / 2)
    keep = (ground.coast_m > BEACH_M) & (ground.river_m > 3)
    more = np.array(extra, np.float64).reshape(-1, 6)
    ends = np.concatenate([ends[keep], more[:, :4]]).astype(np.float32)
    rest = np.concatenate([table[keep, 4:], more[:, 4:]])
    free = ~_on_roundabout(plan, (ends[:, :2] + ends[:, 2:]) / 2, 17.0) | (rest[:, 1] == 2)
    ends, rest = ends[free], rest[free]
    return Lines(ends, rest[:, 0].astype(np.float32), rest[:, 1].astype(np.uint8))


def _slots(plan: SitePlan, extra: list[Row]) -> Slots:
    table = np.array(plan.slots, np.float64).reshape(-1, 6)
    here, angle = plan.bend_directed(table[:, 0], table[:, 1], table[:, 2])
    table[:, :2], table[:, 2] = here, angle
    table = np.concatenate([table, np.array(extra, np.float64).reshape(-1, 6)])
    ground = plan.terrain.at(table[:, 0], table[:, 1])
    dry = (ground.coast_m > BEACH_M) & (ground.river_m > 3)
    f = table[dry & ~_on_roundabout(plan, table[:, :2], 19.0)].astype(np.float32)
    return Slots(f[:, 0], f[:, 1], f[:, 2], f[:, 3], f[:, 4], f[:, 5] > 0)


def densify(polygon: NDArray[np.floating], step_m: float) -> NDArray[np.floating]:
    """The closed polygon with a point at least every `step_m`."""
    following = np.roll(polygon, -1, axis=0)
    parts = []
    for a, b in zip(polygon, following, strict=True):
        n = max(1, int(np.hypot(*(b - a)) / step_m))
        parts.append(a + (b - a) * (np.arange(n) / n)[:, None])
    return np.concatenate(parts)
