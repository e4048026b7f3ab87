"""What the page of galleries knows: facts, map and health of each gallery, and its tiles; no Gradio."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from gallery import Gallery, Tile
from gallery.errors import GalleryError
from gallery.store.health import Health, coverage, examine, ground_area_m2
from mean_model.photo import PhotoFiles
from pages.common.gallery_map import gallery_map
from pages.common.ground_image import ground_picture
from pages.errors import SPOKEN, BadQuestion, sentence
from pages.services.catalog import CatalogEntry, GalleryCatalog

MOST_MEASURED = 100_000
"""Most tiles of a gallery whose area is told at once; of more, it comes with the health, which takes longer."""

MOST_MARKED = 20_000
"""Most tiles of a kind that are marked on the map."""

MOST_GAPS = 500
TILE_CARD_PX = 384


@dataclass(frozen=True)
class Facts:
    """One line of the list of galleries; what is unknown is None."""

    key: str
    title: str
    own: bool
    tiles: int = 0
    area_m2: float | None = None
    metres_per_px: tuple[float, float] | None = None  # the finest, the coarsest
    sides_m: tuple[float, ...] = ()  # of the tiles, one for each scale
    model: str = ""
    licence: str = ""
    problem: str = ""  # why the gallery cannot be opened


@dataclass(frozen=True)
class TileView:
    """One tile with its picture, and what its gallery's health says of it."""

    tile: Tile
    side_m: float
    picture: Image.Image | None  # None: its source is not there any more
    remarks: tuple[str, ...]
    twin: Tile | None = None  # of another place, which looks like it
    twin_picture: Image.Image | None = None
    cosine: float | None = None


@dataclass
class _OpenGallery:
    """An opened gallery and what was worked out about it, once for all visitors."""

    gallery: Gallery
    entry: CatalogEntry
    lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def area_m2(self) -> float:
        return ground_area_m2(coverage(self.gallery))

    @cached_property
    def page(self) -> str:
        service = self.entry.service
        return gallery_map(self.gallery, service.ground or ground_picture(self.gallery))

    @cached_property
    def health(self) -> Health:
        return examine(self.gallery)


class GalleriesService:
    """Answers about the galleries of a catalog."""

    def __init__(self, catalog: GalleryCatalog) -> None:
        self.catalog = catalog
        self._open: dict[str, _OpenGallery] = {}
        self._lock = threading.Lock()

    def facts(self, own: Iterable[str]) -> list[Facts]:
        """A line for each gallery that a visitor may choose. Args: own: keys of the visitor's own."""
        return [self._facts(entry) for entry in self.catalog.choices_for(own)]

    def _facts(self, entry: CatalogEntry) -> Facts:
        try:
            opened = self._of(entry)
            info = opened.gallery.info()
        except SPOKEN as error:
            return Facts(entry.key, entry.title, entry.own, problem=sentence(error))
        measured = len(opened.gallery) <= MOST_MEASURED or "health" in vars(opened)
        return Facts(
            entry.key,
            entry.title,
            entry.own,
            tiles=len(opened.gallery),
            area_m2=opened.area_m2 if measured else None,
            metres_per_px=(info["metres_per_px"]["least"], info["metres_per_px"]["most"]),
            sides_m=_numbers(info["build"].get("tile_size_m")),
            model=str(info["model"]["name"]),
            licence=_texts(info["build"].get("licence")),
        )

    def map_page(self, key: str) -> str:
        """The HTML page of a gallery's map.

        Raises:
            GalleryError: the gallery cannot be read.
        """
        opened = self._of(self.catalog.get(key))
        with opened.lock:
            return opened.page

    def health(self, key: str) -> Health:
        """A gallery's health; worked out once.

        Raises:
            GalleryError: the gallery cannot be read.
        """
        opened = self._of(self.catalog.get(key))
        with opened.lock:
            return opened.health

    def tile(self, key: str, row: int) -> TileView:
        """A tile of a gallery.

        Args: row: of its vectors, from 0; anything that a browser sends.

        Raises:
            BadQuestion: there is no such row.
            GalleryError: the gallery cannot be read.
        """
        opened = self._of(self.catalog.get(key))
        gallery = opened.gallery
        if not 0 <= row < len(gallery):
            raise BadQuestion("The gallery has no such tile.")
        tile = gallery.tile(row)
        health = vars(opened).get("health")
        pair = None if health is None else next((pair for pair in health.lookalikes if pair.row == row), None)
        twin = None if pair is None else gallery.tile(pair.twin)
        return TileView(
            tile,
            tile.side_m,
            _picture(gallery, tile),
            () if health is None else tuple(_remarks(gallery, health, row)),
            twin,
            None if twin is None else _picture(gallery, twin),
            None if pair is None else pair.cosine,
        )

    def _of(self, entry: CatalogEntry) -> _OpenGallery:
        with self._lock:
            gone = [key for key in self._open if self.catalog.get(key).key != key]
            for key in gone:
                del self._open[key]
            if entry.key not in self._open:
                self._open[entry.key] = _OpenGallery(Gallery.open(entry.folder, PhotoFiles()), entry)
            return self._open[entry.key]


def marks_of(health: Health) -> str:
    """What static/gallery_map.js marks, as JSON: rows by kind, pairs of look-alikes, rings of gaps (latitude first)."""
    repeated = [row for rows in health.duplicates for row in rows]
    twins = [[pair.row, pair.twin] for pair in health.lookalikes[:MOST_MARKED]]
    gaps = [
        [[[round(lat, 7), round(lon, 7)] for lon, lat in ring.coords] for ring in (gap.exterior, *gap.interiors)]
        for gap in (each.outline for each in health.gaps[:MOST_GAPS])
    ]
    return json.dumps(
        {
            "duplicate": repeated[:MOST_MARKED],
            "lookalike": [row for row, _ in twins],
            "blank": list(health.blank[:MOST_MARKED]),
            "twins": twins,
            "gaps": gaps,
        }
    )


def _remarks(gallery: Gallery, health: Health, row: int) -> Iterable[str]:
    group = next((rows for rows in health.duplicates if row in rows), ())
    if group:
        others = [gallery.tile(other).id for other in group if other != row]
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        yield f"It has the same pixels as {', '.join(others[:3])}{more}."
    if row in health.blank:
        yield "It shows hardly any detail: a photo of it cannot be told from one of another such place."


def _picture(gallery: Gallery, tile: Tile) -> Image.Image | None:
    try:
        return gallery.image(tile, TILE_CARD_PX)
    except GalleryError:
        return None


def _numbers(value: Any) -> tuple[float, ...]:
    """A number, or a list of numbers, as a gallery notes its tile sizes."""
    values = value if isinstance(value, list) else [value]
    return tuple(float(each) for each in values if isinstance(each, int | float))


def _texts(value: Any) -> str:
    """A text, or a list of texts, as a gallery notes the licences of its imagery; each once."""
    values = value if isinstance(value, list) else [value]
    return ", ".join(dict.fromkeys(each for each in values if isinstance(each, str) and each))


def source_name(tile: Tile) -> str:
    """The name of the file or folder that a tile comes from, without the way to it."""
    return Path(tile.source).name
