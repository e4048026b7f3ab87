"""Where visitors' own galleries are built and kept for a while: private folders, few of them, each gone in time."""

import re
import secrets
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gallery import Gallery, Localizer, build_gallery
from gallery.build.pipeline import Progress
from gallery.paths import write_whole
from mean_model.photo import PhotoFiles
from pages.errors import PagesError
from pages.services.catalog import CatalogEntry, GalleryCatalog
from pages.services.engine import Engine
from pages.services.flight import FlightService
from pages.services.ground import prepare_ground
from pages.services.locate import LocateService
from pages.services.request_limits import DiskUse
from pages.services.upload import plan

LIVE_S = 2 * 3600.0
"""Seconds that a gallery is kept after it was built."""

MOST_KEPT = 8
"""Most galleries of all visitors together: some 100 MB each at most."""

MOST_EACH = 2
"""Most galleries of one visitor; the oldest gives way to the next."""

MOST_OF_ADDRESS = 4
"""Most galleries of all visitors of one network address, those included that are being built."""

LEAST_LIVE_S = 15 * 60.0
"""Seconds that a gallery is kept at least, when there are as many as are kept and somebody else wants one."""

AT_ONCE = 8
"""Tiles that are embedded between two looks at the stop button."""


class Stopped(PagesError):
    """The visitor stopped the build."""


class NoRoom(PagesError):
    """There are too many galleries of visitors, or the disk is full."""


@dataclass(frozen=True)
class Visitor:
    """Who wants a gallery."""

    session: str = ""  # of the page in the browser
    address: str = ""  # of the network


NOBODY = Visitor()


@dataclass(frozen=True)
class _Held:
    """A gallery that is kept, or a place that is taken for one that is being built (without a key)."""

    visitor: Visitor
    since: float  # by `time.monotonic`
    key: str | None = None


@dataclass(frozen=True)
class BuildRequest:
    """What a visitor wants built."""

    raster: Path  # as it was uploaded
    tile_size_m: float = 100.0
    overlap: float = 0.5


class VisitorBuilds:
    """Builds galleries for visitors and puts them into the catalog, each for whoever knows its key."""

    def __init__(self, catalog: GalleryCatalog, live_s: float = LIVE_S, disk: DiskUse | None = None) -> None:
        """Args: live_s: seconds that a gallery is kept at most. disk: that they lie on; None: that of the folder."""
        self.catalog = catalog
        self.live_s = live_s
        self._disk = disk or DiskUse(lambda: Path(self._root.name))
        self._held: list[_Held] = []  # the oldest first
        self._lock = threading.Lock()

    @cached_property
    def _root(self) -> "TemporaryDirectory[str]":
        return TemporaryDirectory(prefix="mean-galleries-")  # readable by nobody else; removed at exit

    def build(
        self,
        order: BuildRequest,
        progress: Callable[[Progress], None] | None = None,
        stopped: Callable[[], bool] = bool,
        visitor: Visitor = NOBODY,
    ) -> CatalogEntry:
        """Build a gallery with the first gallery's model. Stopped or failed, nothing of it stays.

        Args:
            visitor: who wants it.
            progress: is told how far the build is, before it and after each batch.
            stopped: whether to stop now; asked every `AT_ONCE` tiles.

        Raises:
            NotReady, NoRoom, Stopped, BadUpload, GalleryError: each with a sentence for the visitor.
        """
        embedder = self.catalog.first.service.engine.wait().embedder

        def step(so_far: Progress) -> None:
            _go_on(stopped)
            if progress is not None:
                progress(so_far)

        with self._reserved(visitor) as keep:
            temp_folder = Path(self._root.name) / secrets.token_urlsafe(16)
            try:
                temp_folder.mkdir()
                entry = self._built(order, temp_folder, _Interruptible(embedder, stopped), embedder, step)
                self.catalog.put(entry, self.live_s)
                keep(entry.key)
            except BaseException:
                shutil.rmtree(temp_folder, ignore_errors=True)
                raise
        return entry

    def _built(
        self, order: BuildRequest, temp_folder: Path, careful: Any, embedder: Any, progress: Callable[[Progress], None]
    ) -> CatalogEntry:
        title = title_of(order.raster)
        home = temp_folder / title
        home.mkdir()
        raster = home / f"{title}.tif"  # alone in its folder, under a name that GDAL reads as GeoTIFF only
        shutil.copyfile(order.raster, raster)
        plan(raster, order.tile_size_m, order.overlap)
        build_gallery(raster, home, careful, tile_size_m=order.tile_size_m, overlap=order.overlap, progress=progress)

        service = LocateService(Engine(partial(_opened, home, embedder)), store=self.catalog.first.service.store)
        service.engine.then(prepare_ground)
        return CatalogEntry(secrets.token_urlsafe(16), title, home, service, FlightService(service), temp_folder)

    @contextmanager
    def _reserved(self, visitor: Visitor) -> Iterator[Callable[[str], None]]:
        """A place for one more gallery, given back unless it is kept.

        Yields: what is called with the gallery's key to keep it.

        Raises:
            NoRoom: there is none.
        """
        if not self._disk.has_room():
            raise NoRoom("The server's disk is full. Come back later, or build on your own machine.")
        place = _Held(visitor, time.monotonic())
        with self._lock:
            dropped = self._making_room(visitor)
            self._held.append(place)
        for held in dropped:
            self.catalog.drop(str(held.key))

        def keep(key: str) -> None:
            with self._lock:
                self._held[self._held.index(place)] = replace(place, since=time.monotonic(), key=key)

        try:
            yield keep
        finally:
            with self._lock:
                if place in self._held:
                    self._held.remove(place)

    def _making_room(self, visitor: Visitor) -> list[_Held]:
        """Choose the galleries that give way to one more of a visitor: forgotten here, and to be dropped.

        Raises:
            NoRoom: none can.
        """
        self._held = [held for held in self._held if held.key is None or self.catalog.get(held.key).key == held.key]
        kept = [held for held in self._held if held.key is not None]
        own = [held for held in kept if visitor.session and held.visitor.session == visitor.session]
        going = own[: max(0, len(own) - MOST_EACH + 1)]
        left = [held for held in self._held if held not in going]
        of_address = sum(held.visitor.address == visitor.address for held in left)
        if visitor.address and of_address >= MOST_OF_ADDRESS:
            raise NoRoom(
                f"Your network address has {of_address} galleries here, and {MOST_OF_ADDRESS} are kept of one. Remove "
                "one of yours, come back later, or build on your own machine."
            )
        if len(left) >= MOST_KEPT:
            numbers = Counter(held.visitor.address for held in left)
            old = [held for held in kept if held in left and time.monotonic() - held.since >= LEAST_LIVE_S]
            if not old:
                raise NoRoom(
                    f"This server keeps {MOST_KEPT} galleries of visitors, and has as many. Each is kept for "
                    f"{LEAST_LIVE_S / 60:g} minutes at least: come back then, or build on your own machine."
                )
            going.append(max(old, key=lambda held: (numbers[held.visitor.address], -held.since)))
        self._held = [held for held in self._held if held not in going]
        return going


class _Interruptible:
    """An embedder that looks between its batches whether it is to stop."""

    def __init__(self, embedder: Any, stopped: Callable[[], bool]) -> None:
        self._embedder = embedder
        self._stopped = stopped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """Embed as the embedder does.

        Raises:
            Stopped: the visitor stopped.
        """
        parts = []
        for start in range(0, len(images), AT_ONCE):
            _go_on(self._stopped)
            parts.append(self._embedder.embed(images[start : start + AT_ONCE]))
        return np.concatenate(parts)


def _go_on(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise Stopped("Stopped. Nothing of the gallery was kept.")


def _opened(home: Path, embedder: Any) -> Localizer:
    return Localizer(Gallery.open(home, PhotoFiles()), embedder)


def zipped(entry: CatalogEntry) -> Path:
    """A gallery's folder with its raster as a ZIP file beside it, made once."""
    assert entry.temp_folder is not None
    file = entry.temp_folder / f"{entry.title}.zip"
    if file.is_file():
        return file
    write_whole(file, partial(_zip, entry.folder, entry.temp_folder))
    return file


def _zip(folder: Path, root: Path, file: Path) -> None:
    """The files of a folder as a ZIP file, by their names below a root."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # its files are compressed, or vectors
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root))


def title_of(upload: Path) -> str:
    """What a visitor's gallery is called: letters, digits, - and _ of the uploaded file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", upload.stem).strip("-")[:40] or "my-area"


def progress_text(progress: Progress) -> str:
    """Rate and time left in words."""
    left_s = progress.seconds_left
    if left_s is None:
        return "Tiles embedded"
    left = f"{left_s:.0f} s" if left_s < 90 else f"{left_s / 60:.0f} min"
    return f"Tiles embedded, {progress.per_second:,.0f} a second, {left} left"
