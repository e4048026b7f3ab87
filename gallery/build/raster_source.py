"""A raster as a source of candidate tiles: its windows of each size, row by row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gallery.build.candidates import Candidate, ReadPhoto, Skipped
from gallery.imagery.raster import Raster
from gallery.imagery.raster_cache import next_tile, open_raster
from gallery.tiles import Tile

MIN_DATA_SHARE = 0.5
"""A raster tile with less than this share of data is left out; overlapping neighbours hold its rest."""


@dataclass(frozen=True)
class Tiling:
    """How rasters are cut."""

    sizes_m: tuple[float, ...]  # sides of the tiles on the ground, one for each scale
    overlap: float  # share of a tile that its neighbour shows too, in [0, 0.95]
    tile_px: int  # longer side of the picture that is embedded


@dataclass(frozen=True)
class RasterSource:
    """The tiles of a raster as a `Source`."""

    path: Path
    total: int
    prefix: str  # of tile ids
    noted: str  # the raster as the gallery names it
    tiling: Tiling
    crs: str | None = None  # of a raster that states none

    def candidates(self) -> Iterator[Candidate]:
        """The windows of each scale, row by row."""
        several = len(self.tiling.sizes_m) > 1
        with Raster(self.path, crs=self.crs) as raster:
            for size_m in self.tiling.sizes_m:
                prefix = f"{self.prefix}/{size_m:g}m" if several else self.prefix
                for window in raster.windows(size_m, self.tiling.overlap):
                    tile_id = f"{prefix}/{window.row_px:06d}_{window.col_px:06d}"
                    yield Candidate(tile_id, window=window, scale_m=size_m)

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Any]:
        """The window as a tile, and its picture."""
        raster, window = open_raster(self.path, self.crs), candidate.window
        if window is None:
            raise ValueError(f"Candidate {candidate.id} is of no raster.")
        tile = replace(raster.tile(candidate.id, window, self.noted), scale_m=candidate.scale_m)
        if raster.data_share(window, tile.cutout) < MIN_DATA_SHARE:
            raise Skipped("empty (no data or transparent)")
        return tile, next_tile(self.path, window, self.tiling.tile_px, tile.cutout, self.crs)
