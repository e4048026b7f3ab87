"""Is it the gallery, the photo or the network? Flags of queries, and how many errors they explain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gallery.geo import overlapping
from gallery.metrics import CHUNK_ELEMENTS
from gallery.report.tiles import Tiles
from gallery.store.health import LOOKALIKE_COSINE

FLAGS: Mapping[str, str] = {
    "twin": "another tile looks like the true one",
    "overlap": "the best tile overlaps the true one",
    "outside": "no tile of the gallery shows the place",
    "blurred": "the photo is blurred",
    "dark": "the photo is dark",
}
"""What can be said of a query beside its rank, in words."""

COLUMNS = {name: f"flag_{name}" for name in FLAGS}
"""The columns of an inspection's table that hold them."""

SOURCES = {
    "twin": "twin_cosine",
    "overlap": "top_overlap",
    "outside": "covered",
    "blurred": "sharpness",
    "dark": "brightness",
}
"""What each flag is judged by: where a report knows none of it, the flag is unknown."""

LEAST_SPREAD = {"sharpness": 0.2, "brightness": 5.0}
"""Least spread of the photos of a report (of log sharpness, of grey levels) that has outliers."""


@dataclass(frozen=True)
class Thresholds:
    """The bounds from which on a flag is set."""

    twin_cosine: float = LOOKALIKE_COSINE  # of the true tile and one that shows another place
    least_overlap: float = 0.1  # intersection over union: the neighbour half a tile away has 0.33, the diagonal 0.14
    deviations: float = 2.5  # robust standard deviations below the report's median: log sharpness, brightness


def add_flags(table: pd.DataFrame, tiles: Tiles | None, thresholds: Thresholds) -> None:
    """Add the columns twin_tile, twin_cosine and flag_... to an inspection's table.

    Blurred and dark are relative to the report's own photos: a report of night flights only has no dark ones.
    """
    twins = twins_of(np.array(sorted(set(table["true_tile"].dropna())), object), tiles)
    table["twin_tile"] = table["true_tile"].map(twins["twin"]).astype(object)
    table["twin_cosine"] = table["true_tile"].map(twins["cosine"]).astype(float)
    table["flag_twin"] = table["twin_cosine"] >= thresholds.twin_cosine
    table["flag_overlap"] = ~table["right"] & (table["top_overlap"] >= thresholds.least_overlap)
    table["flag_outside"] = ~table["covered"].fillna(True).astype(bool)
    sharpness = np.log(np.maximum(table["sharpness"], 1e-3))
    table["flag_blurred"] = _low(sharpness, thresholds.deviations, LEAST_SPREAD["sharpness"])
    table["flag_dark"] = _low(table["brightness"], thresholds.deviations, LEAST_SPREAD["brightness"])


def _low(values: pd.Series, deviations: float, least_spread: float) -> pd.Series:
    """Whether a value lies `deviations` robust standard deviations (1.4826 MAD) below the median."""
    middle = values.median()
    spread = max(1.4826 * (values - middle).abs().median(), least_spread)
    return values < middle - deviations * spread


def twins_of(true_ids: np.ndarray, tiles: Tiles | None) -> pd.DataFrame:
    """The most similar tile that shows another place, for each of some tiles.

    Tiles of the same place, or whose boxes overlap, show the same place.

    Args: true_ids: (T,) names of tiles; those without a known embedding are left out.

    Returns: columns twin and cosine, indexed by tile; no row where every other tile shows the same place.
    """
    known = [] if tiles is None else [tile_id for tile_id in true_ids if tile_id in tiles.rows]
    if tiles is None or not known:
        return pd.DataFrame({"twin": pd.Series(dtype=object), "cosine": pd.Series(dtype=float)})
    rows = np.array([tiles.rows[tile_id] for tile_id in known])
    asked = tiles.vectors[rows].astype(np.float32)
    best, twin = np.full(len(rows), -np.inf, np.float32), np.zeros(len(rows), np.int64)
    places = None if tiles.places is None else np.unique(tiles.places.astype(str), return_inverse=True)[1]
    step = max(1, CHUNK_ELEMENTS // len(rows))
    for start in range(0, len(tiles.ids), step):
        part = slice(start, start + step)
        cosines = asked @ tiles.vectors[part].astype(np.float32).T
        cosines[_same_place(tiles, places, rows, part)] = -np.inf
        found = cosines.argmax(axis=1)
        better = cosines[np.arange(len(rows)), found] > best
        best[better] = cosines[better, found[better]]
        twin[better] = found[better] + start
    there = np.isfinite(best)
    index = np.array(known, object)[there]
    return pd.DataFrame({"twin": tiles.ids[twin[there]], "cosine": best[there].astype(float)}, index)


def _same_place(tiles: Tiles, places: np.ndarray | None, rows: np.ndarray, part: slice) -> np.ndarray:
    """(T, P) whether tiles at some rows show the place of tiles in a part of all."""
    same: np.ndarray = rows[:, None] == np.arange(len(tiles.ids))[part]
    if places is not None:
        same |= places[rows, None] == places[part]
    if tiles.boxes is not None:
        same |= overlapping(tiles.boxes[rows, None], tiles.boxes[part])
    return same


# --- what they explain ---


@dataclass(frozen=True)
class Causes:
    """How many wrong answers carry which flag; a query can carry several."""

    errors: int
    counts: Mapping[str, int]  # by flag
    ambiguous: int  # twin or overlap: the tiles, not the network
    gallery: int  # ambiguous or outside
    photo: int  # blurred or dark, and none of the gallery's flags
    unknown: tuple[str, ...]  # flags that the report cannot tell

    @property
    def unexplained(self) -> int:
        """Errors without a flag."""
        return self.errors - self.gallery - self.photo

    @property
    def sentence(self) -> str:
        """The counts in words."""
        if not self.errors:
            return "No answer is wrong."
        parts = [
            f"{self.ambiguous:,} of {_many(self.errors, 'error', 'errors')} "
            f"{'is an ambiguous tile' if self.ambiguous == 1 else 'are ambiguous tiles'} "
            f"({self.counts['twin']:,} with a twin, {self.counts['overlap']:,} overlapping the true tile)"
        ]
        if self.counts["outside"]:
            parts.append(f"{_many(self.counts['outside'], 'lies', 'lie')} outside the gallery")
        if self.photo:
            parts.append(_many(self.photo, "more is a blurred or dark photo", "more are blurred or dark photos"))
        parts.append(f"{_many(self.unexplained, 'carries', 'carry')} no flag")
        missing = f" Unknown in this report: {', '.join(self.unknown)}." if self.unknown else ""
        return f"{'; '.join(parts)}.{missing}"


def causes(table: pd.DataFrame) -> Causes:
    """Count the flags of the wrong answers among some rows."""
    wrong = table[~table["right"]]
    flags = {name: wrong[column].to_numpy(bool) for name, column in COLUMNS.items()}
    ambiguous = flags["twin"] | flags["overlap"]
    gallery = ambiguous | flags["outside"]
    photo = (flags["blurred"] | flags["dark"]) & ~gallery
    return Causes(
        errors=len(wrong),
        counts={name: int(flag.sum()) for name, flag in flags.items()},
        ambiguous=int(ambiguous.sum()),
        gallery=int(gallery.sum()),
        photo=int(photo.sum()),
        unknown=tuple(name for name, column in SOURCES.items() if table[column].isna().all()),
    )


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
