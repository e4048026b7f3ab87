"""What a build would make, before it is made: how many tiles of how much ground, how long and how large, and a picture.

Nothing is written but the picture. A few of the tiles are read and embedded, to measure how fast this machine does it.
"""

import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from gallery.build.batches import Batch, KnownTiles, Task, embedded, read_batch
from gallery.build.candidates import Candidate, Source
from gallery.build.image_folder import ImageFolder
from gallery.build.options import DEFAULTS, BuildOptions, ImageryRequest
from gallery.build.pipeline import read_ahead
from gallery.build.plan_figure import draw
from gallery.build.raster_source import RasterSource
from gallery.embedder import Embedder, read_photo
from gallery.errors import BuildError
from gallery.geo import rectangle
from gallery.imagery.mosaic import look_at
from gallery.imagery.raster_cache import open_raster
from gallery.imagery.xyz import ranges_of
from gallery.index.vector_index import bytes_per_vector
from gallery.paths import write_whole
from gallery.store.gallery import Gallery
from gallery.store.health import ground_area_m2
from gallery.store.tile_table import TableWriter, rows_of
from gallery.tiles import Tile

BATCH = 32
MEASURED = 4
"""Batches that are read and embedded, from places spread over the sources; the first warms up and is not timed."""

SHOWN = 2000
"""Most tiles that the picture shows, evenly spread."""

PICTURES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class Part:
    """The tiles of one source at one scale."""

    source: str  # as the gallery would name it
    scale_m: float | None
    tiles: int


@dataclass(frozen=True)
class Plan:
    """What a build would make."""

    parts: tuple[Part, ...]
    present: int  # of the tiles: in the gallery already
    area_km2: float  # of the sources on the ground
    looked_at: int  # tiles that were read
    left_out: Mapping[str, int]  # of those, by reason
    per_second: float  # tiles that are read and embedded on this machine
    bytes_per_tile: float  # of the gallery's files
    outlines: tuple[BaseGeometry, ...]  # of the sources, WGS84 degrees; longitudes may go on past 180
    footprints: tuple[Polygon, ...]  # of some tiles, evenly spread

    @property
    def tiles(self) -> int:
        """Tiles that would be read: all but those that are in the gallery already. Empty ones are among them."""
        return sum(part.tiles for part in self.parts) - self.present

    @property
    def kept(self) -> int:
        """Tiles that are expected to be left when empty ones are left out."""
        return round(self.tiles * (1 - sum(self.left_out.values()) / max(self.looked_at, 1)))

    @property
    def seconds(self) -> float:
        """Seconds that the build takes, about."""
        return self.tiles / self.per_second

    @property
    def bytes(self) -> int:
        """Bytes that the new tiles take on disk; while it is built, about half as many more."""
        return round(self.kept * self.bytes_per_tile)

    @property
    def title(self) -> str:
        """The line above the picture."""
        shown = "" if len(self.footprints) >= self.tiles else f" ({len(self.footprints):,} of them drawn)"
        return f"{self.tiles:,} tiles{shown}, {self.area_km2:,.3g} km²"

    def sentences(self) -> list[str]:
        """The plan in words."""
        scales = [f"{Path(part.source).name}: {part.tiles:,} tiles" + _size(part.scale_m) for part in self.parts]
        gone = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        kept = f", of which about {self.kept:,} are kept (of {self.looked_at} looked at: {gone})" if gone else ""
        here = f"; {self.present:,} are in the gallery already" if self.present else ""
        return [
            *scales,
            f"tiles: {self.tiles:,} to embed{kept}{here}",
            f"area: {self.area_km2:,.3g} km²",
            f"time: about {_duration(self.seconds)} ({self.per_second:.3g} tiles a second, measured)",
            f"disk: about {self.bytes / 1e6:,.3g} MB, half as much more while it is built",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "parts": [vars(part) for part in self.parts],
            "tiles": self.tiles,
            "present": self.present,
            "kept": self.kept,
            "area_km2": self.area_km2,
            "looked_at": self.looked_at,
            "left_out": dict(self.left_out),
            "tiles_per_second": self.per_second,
            "seconds": self.seconds,
            "bytes": self.bytes,
        }


def plan_gallery(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    embedder: Embedder,
    tile_size_m: float | Sequence[float] = 100.0,
    overlap: float = 0.5,
    positions: str | Path | None = None,
    options: BuildOptions = DEFAULTS,
    picture: str | Path | None = None,
) -> Plan:
    """What `gallery.build.pipeline.build_gallery` would make of the same arguments.

    Args: picture: a file for the picture of the plan (.png, .pdf, .svg); its folder must be there.

    Raises:
        SourceError, PositionsError: the sources cannot become tiles.
        BuildError: an argument makes no sense, the picture cannot be written, or a tile server is among the sources.
        NotAGallery, DamagedGallery, WrongModel: there is nothing to add to, or it is of another model.
    """
    request = ImageryRequest.of(sources, tile_size_m, overlap, positions, options)
    _refuse_servers(request)
    file = None if picture is None else _checked(Path(picture))
    home = Path(out).resolve()
    old = Gallery.open(home) if options.add else None
    if old is not None:
        old.require_model(embedder.fingerprint, embedder.name)
        old.require_precision(embedder.precision)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as workplace:
        opened = request.open(home, embedder, Path(workplace))
        plan = plan_of(opened, embedder, options.least_detail, KnownTiles(old), options.index or "auto")
        if file is not None:
            write_whole(file, draw(plan.footprints, plan.outlines, opened, plan.title).savefig)
    return plan


def _size(scale_m: float | None) -> str:
    return "" if scale_m is None else f" of {scale_m:g} m"


def _refuse_servers(request: ImageryRequest) -> None:
    for source in request.sources:
        if isinstance(source, str):
            order = request.options.stated.order(source)
            count = sum(tiles.count for tiles in ranges_of(order.bounds, order.zoom))
            raise BuildError(
                f"A plan fetches nothing. {order.server.host} would be asked for {count:,} map tiles of zoom "
                f"{order.zoom}, which takes {_duration(count / order.rate)} at {order.rate:g} a second."
            )


def _duration(seconds: float) -> str:
    """A duration in words, rounded."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} seconds"


def _checked(picture: Path) -> Path:
    if picture.suffix.lower() not in PICTURES:
        raise BuildError(f"{picture.name} ends in none of {', '.join(PICTURES)}. Name the plan's picture so.")
    if not picture.absolute().parent.is_dir():
        raise BuildError(f"There is no folder to write {picture.name} in. Make it first.")
    return picture


def plan_of(
    sources: Sequence[Source], embedder: Embedder, least_detail: float, known: KnownTiles, index: str = "auto"
) -> Plan:
    """Plan a build from open sources.

    Args:
        least_detail, known: as for `gallery.build.batches.read_batch`.
        index: as for `gallery.index.vector_index.write_index`.

    Raises:
        SourceError: a source is gone or damaged.
    """
    total = sum(source.total for source in sources)
    tasks = _Tasks.of(sources, total, known)
    read = partial(read_batch, read_photo=partial(read_photo, embedder), least_detail=least_detail, known=KnownTiles())
    batches, per_second = _measured(read_ahead(read, _batches(tasks.measured)), embedder)
    outcomes = [outcome for batch in batches for outcome in batch.outcomes]
    tiles = [outcome.tile for outcome in outcomes if outcome.tile is not None]
    outlines = tuple(map(_outline, sources))
    covered = shapely.union_all([outline for outline in outlines if outline is not None])
    return Plan(
        parts=tuple(Part(source, scale_m, count) for (source, scale_m), count in tasks.parts.items()),
        present=tasks.present,
        area_km2=ground_area_m2(covered) / 1e6,
        looked_at=len(outcomes),
        left_out=Counter(outcome.reason for outcome in outcomes if outcome.reason is not None),
        per_second=per_second,
        bytes_per_tile=_row_bytes(tiles, [content for batch in batches for content in batch.contents])
        + bytes_per_vector(total, int(embedder.dimension), index),
        outlines=tuple(outline for outline in outlines if outline is not None),
        footprints=tuple(filter(None, (_footprint(source, candidate) for source, candidate in tasks.drawn))),
    )


@dataclass(frozen=True)
class _Tasks:
    """All candidates of some sources, counted, and some of them, evenly spread."""

    parts: Mapping[tuple[str, float | None], int]  # by source and scale
    present: int  # how many are in the gallery already
    measured: Sequence[Task]  # to be read and embedded
    drawn: Sequence[Task]  # to be shown in the picture

    @classmethod
    def of(cls, sources: Sequence[Source], total: int, known: KnownTiles) -> "_Tasks":
        measured, shown = _spread(total, MEASURED * BATCH, BATCH // 2), _spread(total, SHOWN, 1)
        parts: Counter[tuple[str, float | None]] = Counter()
        present, sample, drawn = 0, [], []
        for number, task in enumerate((source, candidate) for source in sources for candidate in source.candidates()):
            source, candidate = task
            parts[source.noted, candidate.scale_m] += 1
            present += task in known
            if number in measured:
                sample.append(task)
            if number in shown:
                drawn.append(task)
        return cls(parts, present, sample, drawn)


def _spread(total: int, most: int, run: int) -> set[int]:
    """At most `most` numbers below `total`, in runs, spread evenly."""
    if total <= most:
        return set(range(total))
    starts = np.linspace(0, total - run, most // run).astype(int)
    return {int(start) + step for start in starts for step in range(run)}


def _batches(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    rest = iter(tasks)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _measured(batches: Iterable[Batch], embedder: Embedder) -> tuple[list[Batch], float]:
    """Batches, embedded as a build does, and how many candidates a second that is."""
    done: list[Batch] = []
    begun = time.perf_counter()
    warm_s = 0.0
    for batch in batches:
        embedded(batch, list(batch.pictures), embedder)
        done.append(batch)
        if len(done) == 1:
            warm_s = time.perf_counter() - begun
    seconds = time.perf_counter() - begun
    timed = done[1:] or done
    seconds -= warm_s if len(done) > 1 else 0.0
    return done, sum(len(batch.outcomes) for batch in timed) / max(seconds, 1e-9)


def _row_bytes(tiles: Sequence[Tile], contents: Sequence[str]) -> float:
    """Bytes that a tile takes in tiles.parquet, measured on some of them."""
    if not tiles:
        return 0.0
    sizes = []
    for count in (1, len(tiles)):
        file = io.BytesIO()
        with TableWriter(file) as table:
            table.add(rows_of(tiles[:count], contents[:count], [1.0] * count))
        sizes.append(file.tell())
    return (sizes[1] - sizes[0]) / max(len(tiles) - 1, 1)


def _outline(source: Source) -> BaseGeometry | None:
    """The ground that a source shows; None where it is not known before its images are read."""
    if isinstance(source, RasterSource):
        return look_at(source.path, source.crs).outline
    if isinstance(source, ImageFolder):
        size_m = source.assumed_size_m
        stated = source.placing.positions.values()
        return shapely.union_all([each.footprint or rectangle(each.centre, size_m, size_m) for each in stated])
    return None


def _footprint(source: Source, candidate: Candidate) -> Polygon | None:
    """The ground of a candidate, as far as it is known before it is read."""
    if isinstance(source, RasterSource) and candidate.window is not None:
        return open_raster(source.path, source.crs).tile(candidate.id, candidate.window, source.noted).footprint
    if candidate.position is None:
        return None
    size_m = candidate.scale_m or 1.0
    return candidate.position.footprint or rectangle(candidate.position.centre, size_m, size_m)
