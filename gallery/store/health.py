"""The health of a gallery: tiles that repeat or resemble another place or show nothing, and gaps between tiles."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon

from gallery.errors import GalleryError
from gallery.geo import area_m2, overlapping
from gallery.imagery.images import detail_of
from gallery.store.gallery import Gallery

Kind = Literal["duplicate", "lookalike", "blank", "gap"]

LOOKALIKE_COSINE = 0.98
"""Cosine from which on two tiles of different places look alike. Of the sample's tiles with such a twin, seen again
askew (8 % aside, 4 degrees turned, darker, noise), the starter of 467dd5713a0e82df found 35 % among other places; with
one of 0.90 to 0.95, 79 %; with none above 0.85, all but one in 200."""

LITTLE_DETAIL = 3.0
"""A tile whose luminance (0 to 255) has a lower standard deviation shows little, even where a build keeps it. Of the
sample's tiles, seen again askew, that starter found 31 % below 3, 62 % from 3 to 6, 96 % from 20 on."""

MOST_COSINES = 400_000_000
"""Most pairs of tiles that are compared: all of 20,000 tiles; of more, as many as this allows, evenly spread."""

MOST_PICTURES = 200
"""Most tiles that are read where the gallery does not state their detail."""

NEIGHBOURS, MOST_NEIGHBOURS = 32, 1024
"""How many similar tiles are looked at first, and at most, to find one of another place."""

BATCH = 1024
DETAIL_PX = 256
LEAST_GAP_WIDTH = 0.02
"""Gaps narrower than this share of a tile's side come from rounding."""


@dataclass(frozen=True)
class LookAlike:
    """A tile and the most similar one that shows another place."""

    row: int
    twin: int
    cosine: float


@dataclass(frozen=True)
class Gap:
    """Ground that no tile shows, inside the gallery's area."""

    outline: Polygon  # WGS84 degrees; longitudes go on past 180
    area_m2: float


@dataclass(frozen=True)
class Finding:
    """One kind of trouble, in words."""

    kind: Kind
    count: int
    sentence: str


@dataclass(frozen=True)
class Health:
    """What may go wrong with searches because of the gallery itself; rows are those of its vectors."""

    tiles: int
    area_m2: float  # on the ground, of all tiles together
    parts: int  # areas that do not touch each other
    duplicates: tuple[tuple[int, ...], ...]  # rows with the same pixels
    lookalikes: tuple[LookAlike, ...]
    compared: int  # tiles whose similar ones were looked for
    blank: tuple[int, ...]  # rows without detail
    looked_at: int  # tiles whose detail is known
    gaps: tuple[Gap, ...]  # the largest first

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each kind of trouble with its sentence, also where there is none."""
        repeated, alike, blank = sum(map(len, self.duplicates)), len(self.lookalikes), len(self.blank)
        open_m2 = sum(gap.area_m2 for gap in self.gaps)
        same = f"{_many(repeated, 'tile')} with the same pixels as another one."
        twin = f"{_many(alike, 'tile')} that could be taken for one of another place."
        plain = f"{_many(blank, 'tile')} with hardly any detail."
        holes = f"{_many(len(self.gaps), 'gap')} in the area, {square(open_m2)} in all."
        return (
            Finding("duplicate", repeated, same if repeated else "No tile repeats another one."),
            Finding(
                "lookalike",
                alike,
                (twin if alike else "No tile could be taken for one of another place.") + self._of(self.compared),
            ),
            Finding("blank", blank, (plain if blank else "No tile lacks detail.") + self._of(self.looked_at)),
            Finding("gap", len(self.gaps), holes if self.gaps else "No gaps in the area."),
        )

    def _of(self, known: int) -> str:
        """How many tiles a finding is about, unless it is all."""
        sample = f" {known:,} of {_many(self.tiles, 'tile')} were looked at, evenly spread."
        return "" if known >= self.tiles else sample

    def to_dict(self, gallery: Gallery) -> dict[str, Any]:
        """The same for JSON, tiles by their names."""
        ids = gallery.tiles["id"].tolist()
        return {
            "tiles": self.tiles,
            "area_m2": self.area_m2,
            "parts": self.parts,
            "duplicates": [[ids[row] for row in rows] for rows in self.duplicates],
            "lookalikes": [
                {"tile": ids[pair.row], "twin": ids[pair.twin], "cosine": pair.cosine} for pair in self.lookalikes
            ],
            "compared": self.compared,
            "blank": [ids[row] for row in self.blank],
            "looked_at": self.looked_at,
            "gaps": [{"bounds": list(gap.outline.bounds), "area_m2": gap.area_m2} for gap in self.gaps],
            "findings": [finding.sentence for finding in self.findings],
        }


def examine(gallery: Gallery) -> Health:
    """Look at all of a gallery but its sources' pixels, of which a sample is read where their detail is not stated.

    Raises:
        GalleryError: its table or its vectors cannot be read.
    """
    covered = coverage(gallery)
    blank, looked_at = without_detail(gallery)
    alike, compared = lookalikes(gallery)
    return Health(
        tiles=len(gallery),
        area_m2=ground_area_m2(covered),
        parts=len(_parts(covered)),
        duplicates=duplicates(gallery),
        lookalikes=alike,
        compared=compared,
        blank=blank,
        looked_at=looked_at,
        gaps=gaps_in(covered, gallery),
    )


def duplicates(gallery: Gallery) -> tuple[tuple[int, ...], ...]:
    """Rows of tiles with the same pixels, group by group."""
    contents = gallery.tiles["content"]
    repeated = pd.Series(np.arange(len(contents)))[contents.duplicated(keep=False).to_numpy()]
    groups = repeated.groupby(contents.iloc[repeated].to_numpy(), sort=False)
    return tuple(tuple(map(int, rows)) for _, rows in groups)


def lookalikes(gallery: Gallery, least_cosine: float = LOOKALIKE_COSINE) -> tuple[tuple[LookAlike, ...], int]:
    """Tiles that look like one of another place, which has other pixels and shares no ground with them.

    Returns: these, and how many tiles were asked about: all of a small gallery.
    """
    count = len(gallery)
    asked = _spread(count, max(1, MOST_COSINES // max(1, count)))
    contents = pd.factorize(gallery.tiles["content"])[0]
    found: list[LookAlike] = []
    for start in range(0, len(asked), BATCH):
        rows, neighbours = asked[start : start + BATCH], NEIGHBOURS
        while len(rows):
            neighbours = min(neighbours, count)
            scores, others = gallery.index.search(np.asarray(gallery.vectors[rows], np.float32), neighbours)
            elsewhere = ~overlapping(gallery.boxes[rows, None], gallery.boxes[others])
            elsewhere &= contents[rows, None] != contents[others]
            best = elsewhere.argmax(axis=1)  # scores fall along a row
            places = np.arange(len(rows))
            alike = elsewhere[places, best] & (scores[places, best] >= least_cosine)
            for at in np.flatnonzero(alike):
                found.append(LookAlike(int(rows[at]), int(others[at, best[at]]), float(scores[at, best[at]])))
            if neighbours in (count, MOST_NEIGHBOURS):
                break
            rows = rows[~elsewhere.any(axis=1) & (scores[:, -1] >= least_cosine)]  # all of them were of the same place
            neighbours = min(4 * neighbours, MOST_NEIGHBOURS)
    return tuple(sorted(found, key=lambda pair: pair.row)), len(asked)


def without_detail(gallery: Gallery, least: float = LITTLE_DETAIL) -> tuple[tuple[int, ...], int]:
    """Rows of tiles with little detail, and of how many tiles it is known.

    By the column `detail` of the tiles, or else by the pictures of a sample, as far as their sources are there.
    """
    if "detail" in gallery.tiles:
        stated = gallery.tiles["detail"].to_numpy(float)
        return tuple(np.flatnonzero(stated < least).tolist()), int(np.isfinite(stated).sum())
    details: dict[int, float] = {}
    for row in _spread(len(gallery), MOST_PICTURES).tolist():
        try:
            details[row] = detail_of(gallery.image(gallery.tile(row), DETAIL_PX))
        except GalleryError:  # its source is gone: `gallery.store.check.check_gallery` says so
            continue
    return tuple(row for row, detail in details.items() if detail < least), len(details)


def footprints(gallery: Gallery) -> np.ndarray:
    """(N,) polygons of the tiles in WGS84 degrees; longitudes go on past 180 where the gallery lies across it."""
    shapes: np.ndarray = gallery.tiles.geometry.to_numpy()
    wests, easts = gallery.boxes[:, 0], gallery.boxes[:, 2]
    if len(shapes) and easts.max() - wests.min() > 180:
        shapes = shapes.copy()
        turned = np.flatnonzero((wests + easts) / 2 < 0)
        shapes[turned] = shapely.transform(shapes[turned], lambda corners: corners + np.array([360, 0]))
    return shapes


def coverage(gallery: Gallery) -> Polygon | MultiPolygon:
    """The ground that the tiles show, as `footprints`."""
    return shapely.union_all(footprints(gallery))


def ground_area_m2(covered: Polygon | MultiPolygon) -> float:
    """Square metres on the ground of a shape in degrees, holes left out."""
    return sum(area_m2(Polygon(part.exterior)) - sum(map(_ring_m2, part.interiors)) for part in _parts(covered))


def gaps_in(covered: Polygon | MultiPolygon, gallery: Gallery) -> tuple[Gap, ...]:
    """The holes of the covered ground that are wide enough to be seen, the largest first."""
    sides = np.sqrt(shapely.area(gallery.tiles.geometry.to_numpy()))
    half_width = LEAST_GAP_WIDTH / 2 * (float(np.median(sides)) if len(sides) else 0.0)
    holes = [Polygon(ring) for part in _parts(covered) for ring in part.interiors]
    wide = [hole for hole in holes if not hole.buffer(-half_width).is_empty]
    found = [part for hole in wide for part in _parts(hole.difference(covered))]  # tiles may stand inside
    gaps = (Gap(hole, ground_area_m2(hole)) for hole in found)
    return tuple(sorted(gaps, key=lambda gap: -gap.area_m2))


def _ring_m2(ring: Any) -> float:
    return area_m2(Polygon(ring))


def _parts(shape: Any) -> list[Polygon]:
    return [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon) and not part.is_empty]


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` rows, evenly spread over all."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.empty(0, np.int64)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what if count == 1 else what + 's'}"


def square(area_m2: float) -> str:
    """An area in words: "640 m²", "0.25 km²", "1,240 km²"."""
    if area_m2 < 1e4:
        return f"{area_m2:,.0f} m²"
    return f"{area_m2 / 1e6:,.2f} km²" if area_m2 < 1e8 else f"{area_m2 / 1e6:,.0f} km²"
