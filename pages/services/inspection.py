"""What the inspect page knows: a report with its pictures, and a second report beside it; no Gradio."""

import io
import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from gallery import Gallery, Localizer
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.report import scatter, summary
from gallery.report.comparison import Comparison, compare
from gallery.report.filters import Filter, select
from gallery.report.flags import Causes, causes
from gallery.report.pictures import ReportPictures
from gallery.report.table import Inspection, open_inspection, strip
from gallery.search.options import SearchOptions
from mean_model import PhotoError
from mean_model.photo import PhotoFiles
from pages.common import maps
from pages.common.ground_image import ground_picture
from pages.errors import BadQuestion, sentence
from pages.services import heatmaps
from pages.services.engine import Engine
from pages.services.heatmaps import DisplayOptions, Trio
from pages.services.query_pictures import LARGE_PX, STRIP_PX, STRIP_TILES, QueryPictures, RankedTile, uri_of

THUMBNAIL_PX = 96
MOST_THUMBNAILS = 200  # of one request

log = logging.getLogger(__name__)


def _read(file: Path, max_px: int) -> Image.Image:
    """A photo or a tile of a dataset as all photos are read, within bounds."""
    image = PhotoFiles().read(file, max_px).image
    image.thumbnail((max_px, max_px))
    return image


class InspectionService:
    """One report, read on the first visit and kept for every visitor."""

    def __init__(
        self,
        engine: Engine,
        report: Path | None,
        gallery: Path | None = None,
        against: Path | None = None,
        folders: Sequence[Path] = (),
    ) -> None:
        """Keep what is inspected; nothing is read yet.

        Args:
            engine: gives heat maps; the report is shown without waiting for it.
            report: None: only fresh photos are inspected.
            gallery: holds the tiles of the report.
            against: a second report to compare with.
            folders: where the report's photos, or the dataset that was evaluated, lie.
        """
        self.engine = engine
        self.against = against
        self._report = report
        self._gallery_folder = gallery
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._inspection: Inspection | None = None
        self.gallery: Gallery | None = None
        self.pictures: ReportPictures | None = None
        self.thumbnail = lru_cache(maxsize=4000)(self._thumbnail)
        self.overall = lru_cache(maxsize=1)(self._overall)
        self.slices = lru_cache(maxsize=16)(self._slices)
        self.ground = lru_cache(maxsize=1)(self._ground)
        self.distances = lru_cache(maxsize=1)(lambda: summary.class_distances(self.inspection()))
        self.cloud = lru_cache(maxsize=2)(lambda method: scatter.scatter(self.inspection(), method))

    def inspection(self) -> Inspection:
        """The report.

        Raises:
            BadQuestion: there is none.
            GalleryError: it is broken, or no report.
        """
        with self._lock:
            if self._inspection is None:
                self._inspection = self._open()
            return self._inspection

    def _open(self) -> Inspection:
        if self._report is None:
            raise BadQuestion("There is no report here. Whoever runs this page can show one: its read-me says how.")
        notes: list[str] = []
        try:
            self.gallery = None if self._gallery_folder is None else Gallery.open(self._gallery_folder, PhotoFiles())
        except GalleryError as error:
            notes.append(f"No tile pictures: {sentence(error)}")
        inspection = open_inspection(self._report, self.gallery)
        if self.gallery is not None and not _holds(self.gallery, inspection):
            self.gallery = None
            notes.append(
                "The gallery at hand is not this report's: its tiles are shown as far as their folder is known."
            )
        self.pictures = ReportPictures.of(self._report, inspection.report, self.gallery, self._folders, _read)
        return replace(inspection, notes=(*inspection.notes, *notes))

    def _overall(self) -> tuple[summary.Figures | None, Causes]:
        """How good all answers are, and why the wrong ones are wrong."""
        table = self.inspection().table
        return summary.figures(table), causes(table)

    def _slices(self, chosen: Filter) -> dict[str, pd.DataFrame]:
        """Figures of what passes a filter by altitude, condition and place."""
        return slices_of(select(self.inspection().table, chosen))

    def _ground(self) -> maps.GroundImage | None:
        """The imagery under the map of errors; None where there is none."""
        self.inspection()
        return None if self.gallery is None else ground_picture(self.gallery)

    def compared(self, file: str | Path) -> tuple[Inspection, Comparison]:
        """Another report of the same queries, and what changed from it to this one.

        Nothing is opened that the other report names: it may come from a visitor.

        Raises:
            GalleryError: it is broken, no report, or of other queries.
        """
        other = open_inspection(file, None)
        return other, compare(other, self.inspection())

    def photo(self, name: str, max_px: int = LARGE_PX) -> Image.Image | None:
        """The picture of a query, from its file or else from the report; None where neither has it."""
        inspection = self.inspection()
        assert self.pictures is not None
        try:
            image = self.pictures.query(inspection.report.row(name), max_px)
        except (GalleryError, PhotoError):
            held = inspection.report.thumbnail(name)
            return None if held is None else _decoded(held)
        return image

    def tile(self, tile_id: str, max_px: int = LARGE_PX) -> Image.Image | None:
        """The picture of a tile; None where it cannot be read."""
        assert self.pictures is not None
        try:
            return self.pictures.tile(tile_id, max_px)
        except (GalleryError, PhotoError):
            return None

    def _thumbnail(self, name: str) -> str:
        held = self.inspection().report.thumbnail(name)
        image = _decoded(held) if held is not None else self.photo(name, THUMBNAIL_PX)
        return "" if image is None else maps.picture_uri(image, THUMBNAIL_PX)

    def thumbnails(self, names: object) -> dict[str, str]:
        """Small pictures as data URIs by the query's id. Args: names: from a browser, so anything."""
        if not isinstance(names, list):
            return {}
        known = self.inspection().table.index
        asked = [name for name in names[:MOST_THUMBNAILS] if isinstance(name, str) and name in known]
        return {name: self.thumbnail(name) for name in asked}

    def query_pictures(self, name: str, options: DisplayOptions | None = None) -> QueryPictures:
        """One query of the report with its pictures.

        Raises:
            BadQuestion: the report has no such query.
        """
        options, inspection = options or DisplayOptions(), self.inspection()
        if name not in inspection.table.index:
            raise BadQuestion("The report has no query of that name.")
        row = inspection.table.loc[name]
        ranked = self.strip_of(inspection, name, options.near_m)
        truth, why = self._truth(row, ranked)
        photo = self.photo(name)
        query = QueryPictures(
            name=name,
            right=bool(row["right"]) if _judged(row) else None,
            photo=uri_of(photo),
            strip=ranked,
            truth=truth,
            truth_missing=why,
            twin=self._twin(row),
        )
        tiles = (ranked[0].tile_id if ranked else None, truth.tile_id if truth else None)
        return heatmaps.with_network_view(query, self.engine, partial(self._searched, name, photo, tiles), options)

    def _searched(
        self, name: str, photo: Image.Image | None, tiles: tuple[str | None, str | None], localizer: Localizer
    ) -> tuple[Trio, tuple[str, ...]]:
        """What was searched, the best tile and the true one; and what is to be said about them."""
        first, true = (None if tile_id is None else self.tile(tile_id) for tile_id in tiles)
        summary, remarks = self.inspection().report.summary, []
        if summary.get("fingerprint", localizer.embedder.fingerprint) != localizer.embedder.fingerprint:
            remarks.append("The report was made with another model.")
        if self.gallery is None:  # a dataset of places asks with its pictures as they are
            return (photo, first, true), tuple(remarks)
        try:
            assert self.pictures is not None
            taken = localizer.embedder.read(self.pictures.query_file(self.inspection().report.row(name)))
        except (GalleryError, PhotoError):
            remarks.append("The photo's file is not at hand: its small copy is shown as it is, not as it was searched.")
            return (photo, first, true), tuple(remarks)
        views, _ = localizer.rank(taken, 1, SearchOptions(summary.get("rotations", 16), summary.get("north_up", True)))
        return (views.views[0].image, first, true), tuple(remarks)

    def ranked(self, name: str) -> tuple[Any, ...]:
        """The tiles of a query, without their pictures (`gallery.report.table.Ranked`)."""
        return strip(self.inspection(), name, STRIP_TILES, DisplayOptions.near_m)

    def strip_of(self, report: Inspection, name: str, near_m: float) -> tuple[RankedTile, ...]:
        """The tiles that a report ranked for a query, with the pictures of this one's gallery."""
        if name not in report.table.index:
            return ()
        return tuple(self._ranked(tile) for tile in strip(report, name, STRIP_TILES, near_m))

    def _ranked(self, tile: Any) -> RankedTile:
        side_px = LARGE_PX if tile.rank == 1 else STRIP_PX  # the first one is also drawn large
        uri = uri_of(self.tile(tile.tile_id, side_px), side_px)
        return RankedTile(tile.rank, tile.tile_id, tile.score, tile.mark, tile.metres, uri)

    def _truth(self, row: "pd.Series[Any]", ranked: Sequence[RankedTile]) -> tuple[RankedTile | None, str]:
        tile_id = row["true_tile"]
        if not isinstance(tile_id, str):
            tile_id = self._covering(row["true_lon"], row["true_lat"])
        if tile_id is None:
            if row["flag_outside"]:
                return None, "No tile of the gallery shows this place."
            return None, "The report does not say which tile is true."
        rank = next((tile.rank for tile in ranked if tile.tile_id == tile_id), 0)
        if not rank and not math.isnan(row["rank"]) and tile_id == row["true_tile"]:
            rank = int(row["rank"])
        score = float(row["true_score"]) if rank else math.nan
        return RankedTile(rank, tile_id, score, "true", None, uri_of(self.tile(tile_id))), ""

    def _twin(self, row: "pd.Series[Any]") -> RankedTile | None:
        """The tile that makes the true one ambiguous."""
        if not row["flag_twin"]:
            return None
        return RankedTile(
            0, row["twin_tile"], float(row["twin_cosine"]), "near", None, uri_of(self.tile(row["twin_tile"]))
        )

    def _covering(self, lon: float, lat: float) -> str | None:
        """The tile whose centre is next to a point that it covers."""
        if self.gallery is None or math.isnan(lon) or math.isnan(lat):
            return None
        tile = self.gallery.tile_at(LonLat(lon, lat))
        return None if tile is None else tile.id


def slices_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Figures of some rows by altitude, condition and place."""
    return {by: summary.by_slice(rows, by) for by in ("altitude", "condition", "place")}  # type: ignore[arg-type]


def _holds(gallery: Gallery, inspection: Inspection) -> bool:
    """Whether a report's tiles are those of the gallery, as far as the first queries tell."""
    rows = inspection.report.rows["tile_ids"].head(5)
    asked = [tile_id for tile_ids in rows for tile_id in list(tile_ids)[:STRIP_TILES]]
    try:
        for tile_id in asked:
            gallery.row(tile_id)
    except GalleryError:
        return False
    return True


def _judged(row: "pd.Series[Any]") -> bool:
    """Whether the report knows anything of a query's truth."""
    return bool(row[["rank", "true_tile", "true_lon", "covered", "place"]].notna().any())


def _decoded(jpeg: bytes) -> Image.Image | None:
    try:
        image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return image
