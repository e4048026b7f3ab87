"""Build a gallery: stream tiles from sources, embed them in batches, and put the finished folder in place at once.

What is done is kept beside the gallery, in DIR.building, so that a build that was stopped goes on where it was when the
same command is given again, and the old gallery answers until the new one is whole.
"""

import hashlib
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from gallery.build.batches import FEATURELESS, PRESENT, Batch, Embedded, KnownTiles, Task, embedded, read_batch
from gallery.build.candidates import Source
from gallery.build.checkpoint import BuildState, open_state
from gallery.build.options import DEFAULTS, BuildOptions, ImageryRequest
from gallery.build.packing import IMAGERY
from gallery.build.provenance import added, built
from gallery.build.sources import MOSAICS
from gallery.build.swap import KEY, is_whole, locked, swap_in
from gallery.build.write import blocks_of, write_gallery
from gallery.embedder import Embedder, read_photo
from gallery.errors import BuildError, GalleryError
from gallery.imagery.images import images_below
from gallery.imagery.raster_cache import forget_parts
from gallery.index.vector_index import noted_kind
from gallery.paths import noted_path
from gallery.store.gallery import Gallery
from gallery.store.manifest import DATA_FILES, FORMAT, MANIFEST

STATE = "state.sqlite"
"""The file in DIR.building that holds what is done so far."""


@dataclass(frozen=True)
class Progress:
    """How far a build is, told after each batch."""

    done: int  # candidates looked at, those of an earlier run included
    total: int
    tiles: int
    resumed: int  # of `done`: kept from an earlier run
    seconds: float  # of this run
    reasons: Mapping[str, int] = field(default_factory=dict)  # candidates that became no tile

    @property
    def skipped(self) -> int:
        """Candidates that became no tile."""
        return sum(self.reasons.values())

    @property
    def per_second(self) -> float:
        """Candidates a second in this run."""
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last candidate, at the rate of this run; None before the first batch."""
        return (self.total - self.done) / self.per_second if self.per_second else None


def build_gallery(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    embedder: Embedder,
    tile_size_m: float | Sequence[float] = 100.0,
    overlap: float = 0.5,
    positions: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    options: BuildOptions = DEFAULTS,
) -> Gallery:
    """Build a gallery in the folder `out` and open it. Stopped at any moment, the same call goes on.

    Args:
        sources: rasters (GeoTIFF, COG, VRT, MBTiles, PMTiles, JPEG 2000, pictures with a world file), folders of
            images with positions, and tile servers (https://host/{z}/{x}/{y}.png). Rasters that touch become a mosaic.
        out: the gallery's folder. An older gallery in it is replaced at the end, other files in it stay.
        embedder: makes the vectors; only a gallery and an embedder of one fingerprint work together.
        tile_size_m: side of a tile on the ground, or several sides: one gallery of several scales. The first is also
            that of the square that is assumed for an image of unknown extent.
        overlap: share of a tile that its neighbour in a row or column shows too, in [0, 0.95].
        positions: CSV (`file,lon,lat[,west,south,east,north]`) or KML for the images of folders; None: their names
            (`z/x/y`, `@lon@lat@`, UTM) and their EXIF, which must agree.
        progress: called after each batch, in the calling thread. What it raises stops the build, which can be resumed.
        options: how it is built.

    Raises:
        SourceError, PositionsError: the sources cannot become tiles.
        BuildError: no tile came out, another build writes here, or `out` cannot be written.
        NotAGallery, DamagedGallery, WrongModel: there is nothing to add to, or it is of another model.
    """
    request = ImageryRequest.of(sources, tile_size_m, overlap, positions, options)
    home = Path(out).resolve()  # a link to a folder stays a link
    look = partial(request.open, home, embedder)
    return build_from(look, home, embedder, request.settings(home), request.files, progress, request.options)


def build_from(
    look: Callable[[Path], Sequence[Source]],
    home: Path,
    embedder: Embedder,
    settings: Mapping[str, Any],
    files: Sequence[Path],
    progress: Callable[[Progress], None] | None = None,
    options: BuildOptions = DEFAULTS,
) -> Gallery:
    """Build a gallery of what some sources yield; `build_gallery` without its choice of sources.

    Args:
        look: opens the sources, when no other build writes here, given the folder that becomes the gallery.
        home: the gallery's folder, resolved.
        settings: are noted as the gallery's `build`; other ones than those of a stopped build begin anew.
        files: another size or time of one of them begins anew, too.
        progress, options: as for `build_gallery`.

    Raises:
        SourceError, PositionsError, BuildError, NotAGallery, DamagedGallery, WrongModel: as `build_gallery`.
    """
    least_detail, add = options.least_detail, options.add
    if options.index is not None:
        settings = {**settings, "index": noted_kind(options.index, home)}
    with locked(home) as workplace:
        old = _to_add_to(home, embedder) if add else _reusable(home, embedder)
        key = _key([settings, least_detail, add], embedder.fingerprint, files, old)
        if not is_whole(workplace, key):
            sources = _opened(look, workplace)
            workplace.mkdir(exist_ok=True)
            with open_state(workplace / STATE) as state:
                hashes = (part["content"].to_pylist() for part in old.table.batches("content")) if old else ()
                state.begin(embedder.fingerprint, embedder.precision, key, hashes)
                known = KnownTiles(old if add else None)

                def work(batches: Iterable[list[Task]], state: BuildState = state) -> Generator[Embedded]:
                    if options.workers is not None:
                        return options.workers(batches, (embedder.fingerprint, embedder.precision), least_detail, known)
                    return _here(batches, state, embedder, least_detail, known)

                _embed_all(sources, state, work, options.batch_size, progress)
                count, reasons = state.tiles(), state.reasons()
                if count:
                    model = _model(embedder, options.model_source, home)
                    _write(workplace, key, state, old, add, model, settings, home)
            if not count:
                shutil.rmtree(workplace)
                if reasons.keys() == {PRESENT}:
                    return Gallery.open(home)
                why = ", ".join(f"{number} {reason}" for reason, number in reasons.items())
                raise BuildError(f"No tile came out of the sources ({why}). {_advice(reasons)}")
        for left in workplace.glob(f"{STATE}*"):
            left.unlink()
        swap_in(workplace, home)
    return Gallery.open(home)


def _write(
    workplace: Path,
    key: str,
    state: BuildState,
    old: Gallery | None,
    add: bool,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    home: Path,
) -> None:
    """Write what a build has come to, behind the old gallery's rows if it adds to them."""
    count, skipped = state.tiles(), state.reasons()
    dimension = int(model["dimension"])
    blocks = state.blocks(dimension, old.vectors if old else np.empty((0, dimension), np.float16))
    build, rasters = built(settings, count), {}
    if add and old is not None:
        rasters = old.manifest.get("imagery", {})
        build = added(old.manifest["build"], settings, count)
        blocks = chain(blocks_of(old), blocks)
        del skipped[PRESENT]
        skipped.update(old.manifest["skipped"])
        count, model = count + len(old), old.manifest["model"]
    index = build.get("index", "auto")
    write_gallery(workplace, key, blocks, count, model, build, skipped, index, rasters=rasters, home=home)


def _opened(look: Callable[[Path], Sequence[Source]], workplace: Path) -> Sequence[Source]:
    """The sources, opened in a workplace without a whole gallery or mosaics of another build."""
    begun = workplace.exists()
    for name in (MANIFEST, KEY, *DATA_FILES):
        (workplace / name).unlink(missing_ok=True)
    shutil.rmtree(workplace / MOSAICS, ignore_errors=True)
    try:
        return look(workplace)
    except GalleryError:
        if not begun and not (workplace / IMAGERY).exists():  # fetched tiles wait for the next try
            shutil.rmtree(workplace, ignore_errors=True)
        raise


def _model(embedder: Embedder, source: str, home: Path) -> dict[str, Any]:
    """The embedder as the gallery notes it."""
    return {
        "source": _noted_model(source, home),
        "name": embedder.name,
        "fingerprint": embedder.fingerprint,
        "dimension": int(embedder.dimension),
        "precision": embedder.precision,
    }


def _noted_model(source: str, home: Path) -> str:
    """The model's source as the gallery notes it; a path is relative to the gallery and starts with a dot.

    It may stand behind a name, as in timm:NAME=PATH.
    """
    name, equals, path = source.rpartition("=")
    if path and Path(path).exists():
        noted = noted_path(Path(path), home)
        return name + equals + (noted if noted.startswith(".") or Path(noted).is_absolute() else f"./{noted}")
    return source


def _reusable(home: Path, embedder: Embedder) -> Gallery | None:
    """The gallery that stands in a folder, if this embedder made its vectors and they are whole: they stay."""
    try:
        gallery = Gallery.open(home)
        gallery.require_intact()
    except GalleryError:
        return None
    made_by = gallery.fingerprint, gallery.precision
    return gallery if made_by == (embedder.fingerprint, embedder.precision) else None


def _to_add_to(home: Path, embedder: Embedder) -> Gallery:
    gallery = Gallery.open(home)
    gallery.require_model(embedder.fingerprint, embedder.name)
    gallery.require_precision(embedder.precision)
    gallery.require_intact()
    return gallery


def _key(choices: Sequence[Any], fingerprint: str, paths: Sequence[Path], old: Gallery | None) -> str:
    """A key that changes with what changes the tiles: choices, model, old gallery, files and their times."""
    standing = None if old is None else old.manifest["files"]
    key = hashlib.sha256(json.dumps([FORMAT, choices, fingerprint, standing], sort_keys=True).encode())
    for path in paths:
        for file in images_below(path) if path.is_dir() else [path]:
            key.update(repr(_facts(file, path)).encode())
    return key.hexdigest()


def _facts(file: Path, folder: Path) -> tuple[str, int, int] | None:
    """What tells that a file changed; None where there is none."""
    try:
        facts = file.stat()
    except FileNotFoundError:
        return None
    return file.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns


def _embed_all(
    sources: Sequence[Source],
    state: BuildState,
    work: Callable[[Iterable[list[Task]]], Generator[Embedded]],
    batch_size: int,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Deal with every candidate that no earlier run has dealt with, batch by batch."""
    total = sum(source.total for source in sources)
    resumed = done = state.agreeing(candidate.id for _, candidate in _candidates(sources))
    tiles, reasons, begun = state.tiles(), state.reasons(), time.monotonic()

    def report() -> None:
        if progress is not None:
            progress(Progress(done, total, tiles, resumed, time.monotonic() - begun, dict(reasons)))

    report()
    waiting = islice(_candidates(sources), resumed, None)
    with closing(work(_batches(waiting, batch_size))) as batches:
        for batch in batches:
            state.add(done, batch.outcomes, batch.vectors)
            done += len(batch.outcomes)
            tiles += sum(outcome.tile is not None for outcome in batch.outcomes)
            reasons.update(outcome.reason for outcome in batch.outcomes if outcome.reason is not None)
            report()


def _here(
    batches: Iterable[list[Task]], state: BuildState, embedder: Embedder, least_detail: float, known: KnownTiles
) -> Generator[Embedded]:
    """Batches read and embedded by this process: `Workers`, but for pictures that a vector is known of."""
    read = partial(read_batch, read_photo=partial(read_photo, embedder), least_detail=least_detail, known=known)
    try:
        for batch in read_ahead(read, batches):
            yield embedded(batch, state.lacking(batch.contents), embedder)
    finally:
        forget_parts()


def _candidates(sources: Sequence[Source]) -> Iterator[Task]:
    return ((source, candidate) for source in sources for candidate in source.candidates())


def _batches(tasks: Iterator[Task], size: int) -> Iterator[list[Task]]:
    while batch := list(islice(tasks, size)):
        yield batch


def read_ahead(
    read: Callable[[list[Task]], Batch], batches: Iterable[list[Task]], readers: int | None = None
) -> Iterator[Batch]:
    """What is read of each batch, in their order, the next ones in threads while this one is used.

    Args: readers: threads; None: one for every four cores, for the network needs the others more.
    """
    readers = readers or max(1, (os.cpu_count() or 1) // 4)
    with ThreadPoolExecutor(readers, thread_name_prefix="gallery-read") as pool:
        ahead: deque[Future[Batch]] = deque()
        try:
            for batch in batches:
                ahead.append(pool.submit(read, batch))
                if len(ahead) > readers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def _advice(reasons: Mapping[str, int]) -> str:
    if "without a position" in reasons:
        return "Give their positions with --positions FILE (CSV with file,lon,lat)."
    if "not in the list of positions" in reasons:
        return "Check that the list's file names are paths below the folder."
    if FEATURELESS in reasons:
        return "Keep tiles without detail with --keep-featureless."
    return "Check the files."
