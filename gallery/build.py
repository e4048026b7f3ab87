"""Build a gallery: stream tiles from sources, embed them in batches, and put the finished folder in place at once.

Everything is written beside the gallery, in DIR.building, one file per batch, so that a build that was stopped goes on
where it was when the same command is given again, and the old gallery answers until the new one is whole.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout

from gallery.build_parts import Part, known_of, read_part, write_part
from gallery.candidates import Candidate, ReadPhoto, Skipped, Source
from gallery.errors import BuildError, UnreadablePhoto
from gallery.index import write_index
from gallery.paths import noted_path
from gallery.place_names import TileNames
from gallery.placing import Unplaced
from gallery.sources import IMAGERY, MOSAICS, Stated, Tiling, open_sources
from gallery.store import (
    DATA_FILES,
    FORMAT,
    INDEX,
    MANIFEST,
    TILES,
    VECTORS,
    Gallery,
    aside,
    file_facts,
    is_unit,
    table_of,
)
from gallery.tiles import Tile

log = logging.getLogger(__name__)

PARTS = "parts"
KEY = "build.key"


class Embedder(Protocol):
    """What turns pictures into vectors; `mean_model.load_model` returns one.

    Optional attributes: `image_size` (side in pixels that it looks at, 384 if it does not say), `name` (of its
    weights), `photo_errors` (what `read` raises for a photo that it refuses; OSError and ValueError always count),
    `position` (of a photo by its path, without decoding it).
    """

    @property
    def fingerprint(self) -> str:
        """Names the weights and the preprocessing."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """PIL images, or what `read` returns -> (N, D) float32, rows of length 1."""
        ...

    def read(self, source: Any, least_px: int = 0) -> Any:
        """A path, bytes or PIL image -> an object with .image, .name and .position (lon, lat, …) or None.

        Args: least_px: a larger picture may come back smaller, but its shorter side not below this.
        """
        ...


@dataclass(frozen=True)
class Progress:
    """How far a build is, told after each batch."""

    done: int  # candidates looked at, those of an earlier run included
    total: int
    tiles: int
    skipped: int
    resumed: int  # of `done`: kept from an earlier run
    seconds: float  # of this run

    @property
    def per_second(self) -> float:
        """Candidates a second in this run."""
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0


def build_gallery(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    embedder: Embedder,
    tile_size_m: float = 100.0,
    overlap: float = 0.5,
    positions: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    *,
    unplaced: Unplaced = "error",
    zoom: int | None = None,
    tms: bool = False,
    crs: str | None = None,
    batch_size: int = 32,
    model_source: str = "",
) -> Gallery:
    """Build a gallery in the folder `out` and open it. Stopped at any moment, the same call goes on.

    Args:
        sources: rasters (GeoTIFF, COG, VRT, MBTiles, JPEG 2000, pictures with a world file) and folders of images
            with positions. Rasters that touch or overlap become one mosaic.
        out: the gallery's folder. An older gallery in it is replaced at the end, other files in it stay.
        embedder: makes the vectors; only a gallery and an embedder of one fingerprint work together.
        tile_size_m: side of a tile on the ground; also of the square that is assumed for an image of unknown extent.
        overlap: share of a tile that its neighbour in a row or column shows too, in [0, 0.95].
        positions: CSV (`file,lon,lat[,west,south,east,north]`) or KML for the images of folders; None: their names
            (`z/x/y`, `@lon@lat@`, UTM) and their EXIF, which must agree.
        progress: called after each batch.
        unplaced: whether images without a position, or with several that disagree, are an error or left out.
        zoom: of images that are named x_y like map tiles, and which zoom counts in a folder of several.
        tms: whether the y of map tiles counts from the south.
        crs: of rasters and world files that state none, such as "EPSG:32633".
        batch_size: tiles that are embedded at once.
        model_source: what the command line loads this embedder by; noted in the gallery.

    Raises:
        SourceError, PositionsError: the sources cannot become tiles.
        BuildError: no tile came out, another build writes here, or `out` cannot be written.
    """
    if not tile_size_m > 0:
        raise BuildError(f"A tile size of {tile_size_m:g} m is not a positive number.")
    if not 0 <= overlap <= 0.95:
        raise BuildError(f"An overlap of {overlap:g} is not between 0 and 0.95.")
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [Path(source) for source in listed]
    stated = Stated(None if positions is None else Path(positions), unplaced, TileNames(zoom, tms), crs)
    home = Path(out).resolve()  # a link to a folder stays a link

    tiling = Tiling((float(tile_size_m),), overlap, tile_px(embedder))

    def look() -> list[Source]:
        return open_sources(
            paths, home, aside(home, "building"), tiling, lambda path: read_position(embedder, path), stated
        )

    settings = {
        "tile_size_m": float(tile_size_m),
        "overlap": float(overlap),
        "sources": [noted_path(path, home) for path in paths],
        **stated.noted(home),
    }
    files = [*paths, *([stated.positions] if stated.positions else [])]
    return build_from(look, home, embedder, settings, files, progress, batch_size=batch_size, model_source=model_source)


def build_from(
    look: Callable[[], Sequence[Source]],
    home: Path,
    embedder: Embedder,
    settings: dict[str, Any],
    files: Sequence[Path],
    progress: Callable[[Progress], None] | None = None,
    *,
    batch_size: int = 32,
    model_source: str = "",
) -> Gallery:
    """Build a gallery of what some sources yield; `build_gallery` without its choice of sources.

    Args:
        look: opens the sources, when no other build writes here.
        home: the gallery's folder, resolved.
        settings: are noted as the gallery's `build`; other ones than those of a stopped build begin anew.
        files: another size or time of one of them begins anew, too.
        progress, batch_size, model_source: as for `build_gallery`.

    Raises:
        SourceError, PositionsError, BuildError: as `build_gallery`.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with _alone(home):
            _recover(home)
            _check_place(home)
            model = {
                "source": _noted_model(model_source, home),
                "name": str(getattr(embedder, "name", "")),
                "fingerprint": embedder.fingerprint,
                "dimension": int(embedder.dimension),
            }
            workplace = aside(home, "building")
            key = _key(settings, model, files)
            if not _is_whole(workplace, key):
                _clear(workplace, key)
                present = _embed_all(look(), workplace, key, embedder, batch_size, progress)
                _assemble(workplace, settings, model, present)
            _put_in_place(workplace, home)
    except OSError as error:
        what = f" ({Path(error.filename).name})" if isinstance(error.filename, str) else ""
        raise BuildError(
            f"The build cannot go on: {error.strerror or error}{what}. Check space and rights, then build again."
        ) from error
    return Gallery.open(home)


def tile_px(embedder: Embedder) -> int:
    """The longer side of the pictures of tiles that an embedder is given."""
    return int(getattr(embedder, "image_size", 384))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other builds of the same gallery out; the system frees the lock of a killed process."""
    file = aside(home, "lock")
    try:
        with FileLock(file, timeout=0):
            try:
                yield
            finally:
                file.unlink(missing_ok=True)
    except Timeout as error:
        raise BuildError(f"Another build is writing {home.name}. Wait for it, or stop it.") from error


def read_photo(embedder: Embedder, source: Any, least_px: int = 0) -> Any:
    """What the embedder reads from a path, bytes or picture.

    Args: least_px: the shorter side is not shrunk below this; 0 leaves it to the embedder.

    Raises:
        UnreadablePhoto: with the embedder's own sentence.
    """
    refusals = (*getattr(embedder, "photo_errors", ()), OSError, ValueError)
    try:
        return embedder.read(source, least_px)
    except refusals as error:
        raise UnreadablePhoto(str(error)) from error


def read_position(embedder: Embedder, source: Path) -> Any:
    """What an image states of where it was taken, without decoding it where the embedder can do that.

    Raises:
        UnreadablePhoto: with the embedder's own sentence.
    """
    looks = getattr(embedder, "position", None)
    if looks is None:
        return read_photo(embedder, source).position
    try:
        return looks(source)
    except (*getattr(embedder, "photo_errors", ()), OSError, ValueError) as error:
        raise UnreadablePhoto(str(error)) from error


def _check_place(home: Path) -> None:
    """Refuse to write over what is no gallery."""
    if home.exists() and not home.is_dir():
        raise BuildError(f"{home.name} is a file. Name a folder for the gallery.")
    if home.is_dir() and not (home / MANIFEST).is_file():
        foreign = [name for name in DATA_FILES if (home / name).exists()]
        if foreign:
            raise BuildError(f"{home.absolute().name} has a {foreign[0]} but no {MANIFEST}. Name another folder.")


def _recover(home: Path) -> None:
    """Undo an exchange that was stopped between its two renames, so that the old gallery's other files stay."""
    if not home.exists() and (aside(home, "previous") / MANIFEST).is_file():
        aside(home, "previous").rename(home)
    if home.is_dir():
        (home / KEY).unlink(missing_ok=True)


def _noted_model(source: str, home: Path) -> str:
    """The model's source as the gallery notes it; a path is relative to the gallery and starts with a dot.

    It may stand behind a name, as in timm:NAME=PATH.
    """
    name, equals, path = source.rpartition("=")
    if path and Path(path).exists():
        noted = noted_path(Path(path), home)
        return name + equals + (noted if noted.startswith(".") or Path(noted).is_absolute() else f"./{noted}")
    return source


def _key(settings: dict, model: dict, paths: Sequence[Path]) -> str:
    """Changes with what changes the tiles: settings, model, and size and time of the files among the paths."""
    files = [(path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None for path in paths]
    text = json.dumps([FORMAT, settings, model["fingerprint"], files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _clear(workplace: Path, key: str) -> None:
    """Throw away what a build of other settings or sources left, but for fetched imagery, which may serve again."""
    if not workplace.exists() or _same_key(workplace, key):
        return
    log.info("The settings or sources changed: what an earlier build left is thrown away.")
    for entry in workplace.iterdir():
        if entry.name != IMAGERY:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _embed_all(
    sources: Sequence[Source],
    workplace: Path,
    key: str,
    embedder: Embedder,
    batch_size: int,
    progress: Callable[[Progress], None] | None,
) -> set[str]:
    """Write a part for each batch of candidates that no earlier run has written. Returns: the ids of all candidates."""
    parts = workplace / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    _write_whole(workplace / KEY, key.encode())
    known, tiles, skipped = known_of(parts)
    total = sum(source.total for source in sources)
    resumed = done = len(known)
    begun = time.monotonic()
    number = len(list(parts.glob("*.npz")))

    def report() -> None:
        if progress is not None:
            progress(Progress(done, total, tiles, skipped, resumed, time.monotonic() - begun))

    report()
    present: set[str] = set()

    def unknown() -> Iterator[tuple[Source, Candidate]]:
        for source in sources:
            for candidate in source.candidates():
                present.add(candidate.id)
                if candidate.id not in known:
                    yield source, candidate

    for part, loaded in _one_ahead(_loaded(unknown(), partial(read_photo, embedder), batch_size)):
        if loaded:
            vectors = embedder.embed(loaded)
            if vectors.shape != (len(loaded), embedder.dimension) or not is_unit(vectors):
                raise BuildError("The model gives vectors of another shape or length than it states.")
            part.vectors = vectors.astype(np.float16)
        write_part(parts / f"{number:08d}.npz", part, embedder.dimension)
        number += 1
        done += len(part.tiles) + len(part.skipped)
        tiles += len(part.tiles)
        skipped += len(part.skipped)
        report()
    return present


def _loaded(
    candidates: Iterable[tuple[Source, Candidate]], read: ReadPhoto, size: int
) -> Iterator[tuple[Part, list[Any]]]:
    """Read candidates.

    Yields: for every `size` candidates their part, still without vectors, and what the embedder takes.
    """
    part, inputs = Part(), []
    for source, candidate in candidates:
        try:
            tile, picture = source.load(candidate, read)
        except Skipped as reason:
            part.skipped[candidate.id] = str(reason)
        else:
            part.tiles.append(tile)
            part.contents.append(_content(picture))
            inputs.append(picture)
        if len(part.tiles) + len(part.skipped) == size:
            yield part, inputs
            part, inputs = Part(), []
    if part.tiles or part.skipped:
        yield part, inputs


def _content(picture: Any) -> str:
    """A hash of the pixels."""
    image = getattr(picture, "image", picture)
    return hashlib.blake2b(image.tobytes(), digest_size=16, person=b"%dx%d" % image.size).hexdigest()


def _one_ahead(results: Iterator[Any]) -> Iterator[Any]:
    """The same results, the next one worked out in a thread while this one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="gallery-read") as reader:
        upcoming = reader.submit(next, results, None)
        try:
            while (result := upcoming.result()) is not None:
                upcoming = reader.submit(next, results, None)
                yield result
        finally:
            upcoming.cancel()


def _assemble(workplace: Path, settings: dict, model: dict, present: set[str]) -> None:
    """Turn the parts into the gallery's files; gallery.json comes last and says that all is there.

    Args: present: ids to keep; an image may have gone since an earlier run embedded it.
    """
    files = sorted((workplace / PARTS).glob("*.npz"))
    tiles: list[Tile] = []
    contents: list[str] = []
    reasons: Counter[str] = Counter()
    for file in files:
        part = read_part(file, present)
        tiles += part.tiles
        contents += part.contents
        reasons.update(part.skipped.values())
    if not tiles:
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        shutil.rmtree(workplace)
        raise BuildError(f"No tile came out of the sources ({why}). {_advice(reasons)}")

    stored = np.lib.format.open_memmap(
        workplace / VECTORS, mode="w+", dtype=np.float16, shape=(len(tiles), model["dimension"])
    )
    row = 0
    for file in files:
        block = read_part(file, present).vectors
        if block is not None:
            stored[row : row + len(block)] = block
            row += len(block)
    stored.flush()
    index = write_index(workplace / INDEX, stored)
    del stored
    table_of(tiles, contents).to_parquet(workplace / TILES, index=False)
    manifest = {
        "format": FORMAT,
        "model": model,
        "build": settings,
        "tiles": len(tiles),
        "index": index,
        "skipped": dict(sorted(reasons.items())),
        "files": file_facts(workplace),
    }
    for name in DATA_FILES:
        _to_disk(workplace / name)
    _write_whole(workplace / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())


def _advice(reasons: Counter[str]) -> str:
    if "without a position" in reasons:
        return "Give their positions with --positions FILE (CSV with file,lon,lat)."
    if "not in the list of positions" in reasons:
        return "Check that the list's file names are paths below the folder."
    return "Check the files."


def _put_in_place(workplace: Path, home: Path) -> None:
    """Make the finished folder the gallery. At every moment, `Gallery.open(home)` finds the old one or the new one."""
    shutil.rmtree(workplace / PARTS, ignore_errors=True)
    previous = aside(home, "previous")
    if previous.exists() and (home / MANIFEST).is_file():
        shutil.rmtree(previous)  # an exchange was stopped after its second rename
    if home.is_dir() and not (home / MANIFEST).is_file() and any(home.iterdir()):
        for name in (*_imagery_of(workplace), *DATA_FILES, MANIFEST):  # a folder of other things: its files stay
            (home / name).parent.mkdir(exist_ok=True)
            (workplace / name).replace(home / name)
        shutil.rmtree(workplace)
        return
    if (home / MANIFEST).is_file():
        _keep_other_files(home, workplace)
        home.rename(previous)
    elif home.is_dir():
        home.rmdir()
    workplace.rename(home)
    (home / KEY).unlink(missing_ok=True)
    shutil.rmtree(previous, ignore_errors=True)


def _imagery_of(workplace: Path) -> list[str]:
    """What the sources of a build wrote, by its path below the gallery's folder."""
    return [f"{folder}/{file.name}" for folder in (MOSAICS, IMAGERY) for file in sorted((workplace / folder).glob("*"))]


def _keep_other_files(home: Path, workplace: Path) -> None:
    """Link what else lies in the old gallery's folder (the raster, a read-me) into the new one."""
    own = set(_imagery_of(workplace))
    for root, folders, names in os.walk(home):
        beside = workplace / Path(root).relative_to(home)
        for folder in folders:
            if Path(root, folder).is_symlink():
                names.append(folder)
            else:
                (beside / folder).mkdir(exist_ok=True)
        for name in names:
            if Path(root) == home and name in (*DATA_FILES, MANIFEST, KEY):
                continue
            if (beside / name).relative_to(workplace).as_posix() in own:
                continue
            (beside / name).unlink(missing_ok=True)
            try:
                os.link(Path(root, name), beside / name, follow_symlinks=False)
            except OSError:  # a file system without links
                shutil.copy2(Path(root, name), beside / name, follow_symlinks=False)


def _is_whole(workplace: Path, key: str) -> bool:
    """Whether an earlier run of this build was stopped when only the exchange was left to do."""
    return (workplace / MANIFEST).is_file() and _same_key(workplace, key)


def _same_key(workplace: Path, key: str) -> bool:
    try:
        return (workplace / KEY).read_text() == key
    except OSError:
        return False


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is there complete or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_bytes(content)
    _to_disk(unfinished)
    unfinished.replace(file)


def _to_disk(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
