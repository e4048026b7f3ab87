"""Parts of a gallery's ground laid side by side, so that one search looks at all of them: the whole, or some places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gallery.geo import Bounds, LonLat, offsets_m
from gallery.ground.keypoints import Keypoints, joined
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import Ground, Sheet

GAP_M = 60.0
"""Metres between two parts of a canvas: no photo lies on two of them, for most of it has to lie on ground."""

NEAR_M = 250.0
"""Metres to each side of a promising place in which the ground around it is looked at: half a photo and half a tile."""

SAME_M = 150.0
"""Metres within which a promising place is looked at with one before it."""


@dataclass(frozen=True)
class Cut:
    """A rectangle of a sheet.

    Attributes:
        sheet: that it is cut from.
        rows: of the sheet's picture.
        columns: of the sheet's picture.
    """

    sheet: Sheet
    rows: slice
    columns: slice

    def meets(self, other: "Cut") -> bool:
        """Whether the two share ground of one sheet."""
        return self.sheet is other.sheet and _meet(self.rows, other.rows) and _meet(self.columns, other.columns)

    def with_other(self, other: "Cut") -> "Cut":
        """The smallest rectangle that holds both."""
        return Cut(self.sheet, _both(self.rows, other.rows), _both(self.columns, other.columns))


@dataclass(frozen=True)
class Part:
    """A rectangle of a sheet on a canvas.

    Attributes:
        cut: what it shows.
        east_m: what is added to metres of the sheet to have metres of the canvas.
        north_m: the same to the north.
    """

    cut: Cut
    east_m: float
    north_m: float

    @property
    def sheet(self) -> Sheet:
        """That it was cut from."""
        return self.cut.sheet

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge on the canvas, metres."""
        sheet, rows, columns = self.sheet, self.cut.rows, self.cut.columns
        west, north = sheet.west_m + self.east_m, sheet.north_m + self.north_m
        left, right = west + columns.start * sheet.m_per_px, west + columns.stop * sheet.m_per_px
        return left, north - rows.stop * sheet.m_per_px, right, north - rows.start * sheet.m_per_px

    @property
    def box(self) -> Bounds:
        """Of its ground on the Earth."""
        left, bottom, right, top = self.bounds_m
        first, last = self.lonlat(left, top), self.lonlat(right, bottom)
        return Bounds(first.lon, last.lat, last.lon, first.lat)

    def away_m(self, east_m: float, north_m: float) -> float:
        """How far a place of the canvas lies from it, 0 within, metres."""
        left, bottom, right, top = self.bounds_m
        return math.hypot(max(left - east_m, east_m - right, 0), max(bottom - north_m, north_m - top, 0))

    def lonlat(self, east_m: float, north_m: float) -> LonLat:
        """Where a place of the canvas lies on the Earth, as this part has it."""
        return self.sheet.place(east_m - self.east_m, north_m - self.north_m)

    def north_deg(self, east_m: float, north_m: float) -> float:
        """Where the canvas's north points at a place of it, clockwise from true north: near a pole meridians meet."""
        east, north = offsets_m(self.lonlat(east_m, north_m - 1), self.lonlat(east_m, north_m + 1))
        return math.degrees(math.atan2(east, north))


@dataclass(frozen=True, eq=False)
class Canvas:
    """Ground that one search looks at.

    Attributes:
        picture: of all parts, in metres of the canvas.
        keypoints: in the same metres.
        parts: what lies where.
    """

    picture: GroundImage
    keypoints: Keypoints
    parts: tuple[Part, ...]

    def part_at(self, east_m: float, north_m: float) -> Part:
        """The part that a place of the canvas belongs to, or lies nearest to."""
        return min(self.parts, key=lambda part: part.away_m(east_m, north_m))

    def lonlat(self, east_m: float, north_m: float) -> LonLat:
        """Where a place of the canvas lies on the Earth."""
        return self.part_at(east_m, north_m).lonlat(east_m, north_m)


def whole(ground: Ground) -> Canvas:
    """All sheets of a gallery."""
    return _laid(ground, [Cut(sheet, slice(0, sheet.height_px), slice(0, sheet.width_px)) for sheet in ground.sheets])


def around(ground: Ground, places: Sequence[LonLat], most: int | None = None, near_m: float = NEAR_M) -> Canvas:
    """The ground around some places, most promising first; places near each other share a part.

    Args:
        ground: of the gallery.
        places: those that no sheet holds are left out.
        most: places that are looked around, those near each other counted once; None: all.
        near_m: to each side.
    """
    cuts: list[Cut] = []
    done: list[LonLat] = []
    for place in places:
        if len(done) == most:
            break
        if any(math.hypot(*offsets_m(other, place)) < SAME_M for other in done):
            continue
        cut = _cut(ground, place, near_m)
        if cut is not None:
            done.append(place)
            cuts.append(cut)
    return _laid(ground, _merged(cuts))


def between(ground: Ground, places: Sequence[LonLat], near_m: float = NEAR_M) -> Canvas:
    """The ground that some places span: of each sheet, the rectangle that holds those that lie on it.

    Args:
        ground: of the gallery.
        places: those that no sheet holds are left out.
        near_m: that is added to each side.
    """
    cuts = []
    for sheet in ground.sheets:
        east_m, north_m = np.array([offsets_m(sheet.origin, place) for place in places]).reshape(-1, 2).T
        columns, rows = (east_m - sheet.west_m) / sheet.m_per_px, (sheet.north_m - north_m) / sheet.m_per_px
        held = (columns >= 0) & (columns <= sheet.width_px) & (rows >= 0) & (rows <= sheet.height_px)
        if held.any():
            reach = near_m / sheet.m_per_px
            own_rows = _span(rows[held], reach, sheet.height_px)
            cuts.append(Cut(sheet, own_rows, _span(columns[held], reach, sheet.width_px)))
    return _laid(ground, _merged(cuts))


def _span(at_px: np.ndarray, reach_px: float, side_px: int) -> slice:
    """Pixels between the outermost of some places, and so many to each side."""
    return slice(max(0, round(float(at_px.min()) - reach_px)), min(side_px, round(float(at_px.max()) + reach_px)))


def _cut(ground: Ground, place: LonLat, near_m: float) -> Cut | None:
    """Of the sheet in which a place lies farthest from the edge, what lies around it; None where no sheet holds it."""
    best: Cut | None = None
    farthest_m = 0.0
    for sheet in ground.sheets:
        east, north = offsets_m(sheet.origin, place)
        column, row = (east - sheet.west_m) / sheet.m_per_px, (sheet.north_m - north) / sheet.m_per_px
        inside_m = min(column, row, sheet.width_px - column, sheet.height_px - row) * sheet.m_per_px
        if inside_m < 0 or (best is not None and inside_m <= farthest_m):
            continue
        reach = near_m / sheet.m_per_px
        rows = slice(max(0, round(row - reach)), min(sheet.height_px, round(row + reach)))
        columns = slice(max(0, round(column - reach)), min(sheet.width_px, round(column + reach)))
        best, farthest_m = Cut(sheet, rows, columns), inside_m
    return best


def _merged(cuts: Sequence[Cut]) -> list[Cut]:
    """Parts of one sheet that overlap become one: ground that lies twice on a canvas would compete with itself."""
    merged: list[Cut] = []
    for cut in cuts:
        while meeting := [other for other in merged if cut.meets(other)]:
            for other in meeting:
                merged.remove(other)
                cut = cut.with_other(other)
        merged.append(cut)
    return merged


def _meet(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _both(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))


def _laid(ground: Ground, cuts: Sequence[Cut]) -> Canvas:
    """Parts side by side, at the finest scale among them."""
    if not cuts:
        return Canvas(GroundImage(np.zeros((1, 1), np.uint8), np.zeros((1, 1), bool), 1.0, 0.0, 0.0), joined([]), ())
    scale = min(cut.sheet.m_per_px for cut in cuts)
    pictures = [ground.picture(cut.sheet, cut.rows, cut.columns).at_scale(scale) for cut in cuts]
    corners = _corners([picture.grey.shape for picture in pictures], math.ceil(GAP_M / scale))
    ends = [
        (row + picture.grey.shape[0], column + picture.grey.shape[1])
        for picture, (row, column) in zip(pictures, corners, strict=True)
    ]
    shape = max(row for row, _ in ends), max(column for _, column in ends)
    grey, held = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    parts, points = [], []
    for cut, picture, (row, column), (last_row, last_column) in zip(cuts, pictures, corners, ends, strict=True):
        grey[row:last_row, column:last_column] = picture.grey
        held[row:last_row, column:last_column] = picture.held
        part = Part(cut, column * scale - picture.west_m, -row * scale - picture.north_m)
        parts.append(part)
        points.append(_moved(ground.points(cut.sheet), picture, part))
    return Canvas(GroundImage(grey, held, scale, 0.0, 0.0), joined(points), tuple(parts))


def _corners(shapes: Sequence[tuple[int, ...]], gap: int) -> list[tuple[int, int]]:
    """Row and column of the upper left corners of pictures laid in rows, so that all of them fill about a square."""
    width = max(math.ceil(math.sqrt(sum(rows * columns for rows, columns in shapes))), *(each[1] for each in shapes), 1)
    corners, left, top, tallest = [], 0, 0, 0
    for rows, columns in shapes:
        if left and left + columns > width:
            left, top, tallest = 0, top + tallest + gap, 0
        corners.append((top, left))
        left, tallest = left + columns + gap, max(tallest, rows)
    return corners


def _moved(points: Keypoints, picture: GroundImage, part: Part) -> Keypoints:
    """Those of a sheet's points that lie in a picture of a part of it, in metres of the canvas."""
    height_m, width_m = (side * picture.m_per_px for side in picture.grey.shape)
    east, south = picture.west_m + width_m, picture.north_m - height_m
    x, y = np.asarray(points.x_m), np.asarray(points.y_m)
    inside = (x >= picture.west_m) & (x < east) & (y <= picture.north_m) & (y > south)
    own = points.chosen(np.flatnonzero(inside))
    x_m, y_m = (own.x_m + part.east_m).astype(np.float32), (own.y_m + part.north_m).astype(np.float32)
    return Keypoints(x_m, y_m, own.size_m, own.angle_deg, own.descriptors)
