"""What a gallery is asked to be made of, checked before anything is read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gallery.build.batches import LEAST_DETAIL, Workers
from gallery.build.candidates import Source
from gallery.build.raster_source import Tiling
from gallery.build.sources import ImagerySettings, noted_source, open_sources
from gallery.build.tile_sizes import require_overlap, sizes_of
from gallery.embedder import Embedder, read_position
from gallery.imagery.mbtiles import OnTile
from gallery.index.vector_index import check_kind
from gallery.store.gallery import Gallery


@dataclass(frozen=True)
class BuildOptions:
    """How a gallery is built, beside what it is built of.

    Attributes:
        stated: what the sources do not say themselves: a CRS, a licence, what to fetch of a tile server.
        keep_featureless: keep tiles whose picture has less detail than `LEAST_DETAIL`.
        index: as for `gallery.index.vector_index.write_index`; None: as the gallery that is added to notes it, else
            "auto".
        add: add the tiles to those of the gallery that is there. What it holds already, by raster window or image, is
            left out; nothing is embedded again.
        batch_size: candidates that are read and embedded at once.
        model_source: what the command line loads the embedder by; noted in the gallery.
        workers: read and embed the batches, such as `gallery.build.ray_workers.RayWorkers`; None: this process does.
        pack: keep the imagery in the gallery's folder, so that it travels.
        on_tile: called after each tile that is fetched of a server or archive: how many are there, of how many.
    """

    stated: ImagerySettings = field(default_factory=ImagerySettings)
    keep_featureless: bool = False
    index: str | None = None
    add: bool = False
    batch_size: int = 32
    model_source: str = ""
    workers: Workers | None = None
    on_tile: OnTile | None = None
    pack: bool = False

    @property
    def least_detail(self) -> float:
        """The least detail of a picture that becomes a tile (`detail_of`)."""
        return 0.0 if self.keep_featureless else LEAST_DETAIL


DEFAULTS = BuildOptions()


@dataclass(frozen=True)
class ImageryRequest:
    """What a gallery is built of, and how that is cut: with the options, all that decides which tiles there are."""

    sources: tuple[str | Path, ...]  # paths, and templates of tile servers as text
    sizes_m: tuple[float, ...]
    overlap: float
    options: BuildOptions

    @classmethod
    def of(
        cls,
        sources: str | Path | Sequence[str | Path],
        tile_size_m: float | Sequence[float],
        overlap: float,
        positions: str | Path | None,
        options: BuildOptions,
    ) -> "ImageryRequest":
        """Check the arguments of `build_gallery`.

        Raises:
            BuildError: one of them makes no sense.
        """
        require_overlap(overlap)
        if options.index is not None:
            check_kind(options.index)
        listed = [sources] if isinstance(sources, str | Path) else list(sources)
        given = [source if isinstance(source, str) and "://" in source else Path(source) for source in listed]
        if positions is not None:
            options = replace(options, stated=replace(options.stated, positions=Path(positions)))
        return cls(tuple(given), sizes_of(tile_size_m), float(overlap), options)

    @property
    def files(self) -> list[Path]:
        """The sources that are files of this machine."""
        return [source for source in (*self.sources, self.options.stated.positions) if isinstance(source, Path)]

    def settings(self, home: Path) -> dict[str, Any]:
        """The choices as the gallery in the folder `home` notes them."""
        return {
            "tile_size_m": self.sizes_m[0] if len(self.sizes_m) == 1 else list(self.sizes_m),
            "overlap": self.overlap,
            "sources": [noted_source(source, home) for source in self.sources],
            **self.options.stated.noted(home),
            **({"packed": True} if self.options.pack else {}),
        }

    def open(self, home: Path, embedder: Embedder, workplace: Path) -> list[Source]:
        """The sources, opened; tile servers are asked.

        Args: home, workplace: as for `gallery.build.sources.open_sources`.

        Raises:
            SourceError, PositionsError: they cannot become tiles.
            NotAGallery, DamagedGallery: there is nothing to add to.
        """
        taken: Iterable[str] = ()
        if self.options.add:
            earlier = Gallery.open(home)
            earlier.require_crs(self.options.stated.crs)
            taken = earlier.table.prefixes()
        tiling, position_of = Tiling(self.sizes_m, self.overlap, embedder.image_size), partial(read_position, embedder)
        stated, on_tile = self.options.stated, self.options.on_tile
        pack = self.options.pack
        return open_sources(self.sources, home, workplace, tiling, position_of, stated, taken, on_tile, pack)
