"""What a gallery is asked to be made of, checked before anything is read."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gallery.build.batches import LEAST_DETAIL
from gallery.build.candidates import Source
from gallery.build.raster_source import Tiling
from gallery.build.sources import ImagerySettings, noted_source, open_sources
from gallery.embedder import Embedder, read_position
from gallery.errors import BuildError
from gallery.imagery.mbtiles import OnTile
from gallery.index.vector_index import check_kind
from gallery.store.gallery import Gallery


@dataclass(frozen=True)
class BuildOptions:
    """The choices of `gallery.build.pipeline.build_gallery` that decide which tiles there are."""

    sources: tuple[str | Path, ...]  # paths, and templates of tile servers as text
    sizes_m: tuple[float, ...]
    overlap: float
    stated: ImagerySettings
    keep_featureless: bool
    add: bool

    @classmethod
    def of(
        cls,
        sources: str | Path | Sequence[str | Path],
        tile_size_m: float | Sequence[float],
        overlap: float,
        positions: str | Path | None,
        stated: ImagerySettings | None,
        *,
        keep_featureless: bool,
        index: str | None,
        add: bool,
    ) -> "BuildOptions":
        """Check the arguments of `build_gallery`.

        Raises:
            BuildError: one of them makes no sense.
        """
        if not 0 <= overlap <= 0.95:
            raise BuildError(f"An overlap of {overlap:g} is not between 0 and 0.95.")
        if index is not None:
            check_kind(index)
        listed = [sources] if isinstance(sources, str | Path) else list(sources)
        given = [source if isinstance(source, str) and "://" in source else Path(source) for source in listed]
        stated = stated or ImagerySettings()
        stated = stated if positions is None else replace(stated, positions=Path(positions))
        return cls(tuple(given), _sizes(tile_size_m), float(overlap), stated, keep_featureless, add)

    @property
    def least_detail(self) -> float:
        """The least detail of a picture that becomes a tile (`detail_of`)."""
        return 0.0 if self.keep_featureless else LEAST_DETAIL

    @property
    def files(self) -> list[Path]:
        """The sources that are files of this machine."""
        return [source for source in (*self.sources, self.stated.positions) if isinstance(source, Path)]

    def settings(self, home: Path) -> dict[str, Any]:
        """The choices as the gallery in the folder `home` notes them."""
        return {
            "tile_size_m": self.sizes_m[0] if len(self.sizes_m) == 1 else list(self.sizes_m),
            "overlap": self.overlap,
            "sources": [noted_source(source, home) for source in self.sources],
            **self.stated.noted(home),
        }

    def open(self, home: Path, workplace: Path, embedder: Embedder, on_tile: OnTile | None = None) -> list[Source]:
        """The sources, opened; tile servers are asked.

        Args: home, workplace, on_tile: as for `gallery.build.sources.open_sources`.

        Raises:
            SourceError, PositionsError: they cannot become tiles.
            NotAGallery, DamagedGallery: there is nothing to add to.
        """
        taken: Iterable[str] = ()
        if self.add:
            standing = Gallery.open(home)
            standing.require_crs(self.stated.crs)
            taken = standing.table.prefixes()
        tiling, position_of = Tiling(self.sizes_m, self.overlap, embedder.image_size), partial(read_position, embedder)
        return open_sources(self.sources, home, workplace, tiling, position_of, self.stated, taken, on_tile)


def _sizes(tile_size_m: float | Sequence[float]) -> tuple[float, ...]:
    sizes_m = tuple(map(float, tile_size_m)) if isinstance(tile_size_m, Sequence) else (float(tile_size_m),)
    for size_m in sizes_m:
        if not (size_m > 0 and math.isfinite(size_m)):
            raise BuildError(f"A tile size of {size_m:g} m is not a positive number.")
    if not sizes_m or len(set(sizes_m)) < len(sizes_m):
        raise BuildError("Tile sizes must be one or more different numbers.")
    return sizes_m
