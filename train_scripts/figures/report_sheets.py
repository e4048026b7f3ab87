"""The rows of a report as pictures on a sheet: queries with their ranked tiles, and with heat maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gallery.errors import GalleryError
from gallery.figures.contact_sheet import HeatRow, SheetPicture, Strip
from gallery.report.pictures import ReportPictures
from gallery.search.options import SearchOptions
from mean_model.errors import MeanModelError
from mean_model.photo import PhotoSource, load_photo
from train_scripts.data.readers.dataset import Picture
from train_scripts.data.readers.read_dataset import DATASET_KINDS, read_dataset
from train_scripts.errors import DatasetError
from train_scripts.evaluation.picture_vectors import CLEAR, in_weather

if TYPE_CHECKING:
    import pandas as pd

    from gallery.geo import LonLat
    from gallery.report.report import Report
    from gallery.store.gallery import Gallery
    from mean_model.embedder import Embedder
    from mean_model.heatmaps import Kind


def pictures_of(report_file: Path, report: Report, gallery: Gallery | None, folders: Sequence[Path]) -> ReportPictures:
    """The pictures of a report as they were embedded: those of a dataset in their weather.

    Args:
        gallery: the one that was evaluated; None for a dataset.
        folders: of the photos, or the dataset that was evaluated.

    Raises:
        GalleryError: the report is of a gallery; or the weather of a picture is drawn from its name in the dataset, and
            none of the folders is it.
    """
    if gallery is None and report.summary.get("dataset") not in DATASET_KINDS:
        raise GalleryError("The report is of a gallery. Name it with --gallery.")
    condition = report.summary.get("condition", CLEAR)
    if gallery is not None or condition == CLEAR:
        return ReportPictures.of(report_file, report, gallery, folders, lambda file, px: load_photo(file, px).image)
    pictures = _dataset_pictures(report, folders)

    def read(file: Path, max_px: int) -> Image.Image:
        picture = pictures.get(file)
        return in_weather(picture, condition, max_px) if picture else load_photo(file, max_px).image

    return ReportPictures.of(report_file, report, None, folders, read)


def _dataset_pictures(report: Report, folders: Sequence[Path]) -> dict[Path, Picture]:
    """The drone pictures of a report's dataset that were tested, by their file."""
    for folder in folders:
        try:
            dataset = read_dataset(report.summary.get("dataset", ""), folder)
        except DatasetError:
            continue  # a folder of something else
        tested = (*dataset.queries, *dataset.gallery)
        return {picture.file.resolve(): picture for picture in tested if picture.kind == "drone"}
    raise GalleryError("Pictures in a weather need the dataset that was evaluated. Name its folder with --photos.")


def chosen_rows(report: Report, show: str, count: int, ids: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of a report that a sheet shows, evenly spread over those asked for.

    Args:
        show: all, right (the best tile is a true one) or wrong.
        ids: of queries; when given, these and no others.

    Raises:
        GalleryError: there is no such row.
    """
    rows = report.rows
    if ids:
        missing = [name for name in ids if name not in set(rows["id"])]
        if missing:
            raise GalleryError(f"The report has no query {missing[0]}.")
        return rows.set_index("id", drop=False).loc[list(ids)]
    first = rows["truth_rank"] == 1
    rows = {"all": rows, "right": rows[first], "wrong": rows[~first]}[show]
    if not len(rows):
        raise GalleryError(f"The report has no {'' if show == 'all' else show + ' '}answer to show.")
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


# --- ranked strips ---


def strips_of(rows: pd.DataFrame, pictures: ReportPictures, k: int, side_px: int = 192) -> list[Strip]:
    """The strips of some rows of a report.

    A tile is right when the report says so, when its footprint covers the true ground point, or when it is the one that
    the report names. A dataset's tiles behind that one are not judged where the report does not say what they show.

    Args:
        rows: of `Report.rows`.
        k: tiles for each query.

    Raises:
        GalleryError: a tile is not among those of the gallery, or no picture can be read.
    """
    strips = []
    for row in rows.itertuples(index=False):
        ranked = tuple(_ranked(row, rank, pictures, side_px) for rank in range(min(k, len(row.tile_ids))))
        truth = None if any(shown.right for shown in ranked) else _truth(row, pictures, side_px)
        strips.append(Strip(_query(row, pictures, side_px), ranked, truth))
    if not any(shown.picture for strip in strips for shown in (strip.query, *strip.ranked)):
        raise GalleryError("None of the pictures can be read. Name the folder of the photos or dataset with --photos.")
    return strips


def truth_of(row: Any) -> LonLat | None:
    """The true ground point of a row, where it is known."""
    from gallery.geo import LonLat

    known = math.isfinite(row.true_lon) and math.isfinite(row.true_lat)
    return LonLat(row.true_lon, row.true_lat) if known else None


def _query(row: Any, pictures: ReportPictures, side_px: int) -> SheetPicture:
    told = isinstance(row.condition, str) and row.condition != CLEAR
    words = [row.id.replace("\n", " "), *([row.condition] if told else [])]
    return SheetPicture(_readable(lambda: pictures.query(row, side_px)), "\n".join(words))


def _ranked(row: Any, rank: int, pictures: ReportPictures, side_px: int) -> SheetPicture:
    right = _stated(row, "tile_true", rank)
    if right is None:
        right = _judged(row, rank, pictures)
    words = [f"{row.scores[rank]:.3f}", *_metres(row, row.tile_ids[rank], pictures, _stated(row, "tile_m", rank))]
    return _tile(row.tile_ids[rank], pictures, side_px, words, right)


def _truth(row: Any, pictures: ReportPictures, side_px: int) -> SheetPicture | None:
    tile_id = row.true_tile_id
    if not isinstance(tile_id, str) and pictures.gallery is not None:
        truth = truth_of(row)
        tile = None if truth is None else pictures.gallery.tile_at(truth)
        tile_id = tile and tile.id
    if not isinstance(tile_id, str):
        return None
    return _tile(tile_id, pictures, side_px, _metres(row, tile_id, pictures), True)


def _tile(
    tile_id: str, pictures: ReportPictures, side_px: int, words: Sequence[str], right: bool | None
) -> SheetPicture:
    if pictures.gallery is not None:
        _row_of(pictures.gallery, tile_id)
    return SheetPicture(_readable(lambda: pictures.tile(tile_id, side_px)), " · ".join(words), right)


def _stated(row: Any, column: str, rank: int) -> Any:
    """What the report says of a ranked tile; None where it does not."""
    values = getattr(row, column, None)
    return values[rank] if isinstance(values, list | np.ndarray) and values[rank] is not None else None


def _judged(row: Any, rank: int, pictures: ReportPictures) -> bool | None:
    tile_id, point = row.tile_ids[rank], truth_of(row)
    named = tile_id == row.true_tile_id if isinstance(row.true_tile_id, str) else None
    if pictures.gallery is None:  # a place may have several tiles, of which the report names the best
        return named or (False if rank + 1 < row.truth_rank else None)
    if point is None:
        return named
    return bool(named) or pictures.gallery.tile(_row_of(pictures.gallery, tile_id)).contains(point)


def _metres(row: Any, tile_id: str, pictures: ReportPictures, told: float | None = None) -> list[str]:
    """The distance of a tile from the truth in words, none where it is not known."""
    from gallery.geo import distance_m

    point = truth_of(row)
    if told is None and point and pictures.gallery is not None:
        told = distance_m(point, pictures.gallery.tile(_row_of(pictures.gallery, tile_id)).centre)
    return [f"{told:,.0f} m"] if told is not None and math.isfinite(told) else []


def _row_of(gallery: Gallery, tile_id: str) -> int:
    try:
        return gallery.row(tile_id)
    except GalleryError as error:
        raise GalleryError(
            f"The gallery {gallery.folder.name} has no tile {tile_id}. Give the gallery that was evaluated."
        ) from error


def _readable(read: Callable[[], Image.Image]) -> Image.Image | None:
    """A picture, or None: the sheet says in its place that it cannot be read."""
    try:
        return read()
    except (GalleryError, MeanModelError, DatasetError):
        return None


# --- heat maps ---


def heat_rows_of(
    report: Report,
    rows: pd.DataFrame,
    pictures: ReportPictures,
    embedder: Embedder,
    kind: Kind,
    side_px: int = 192,
    opacity: float = 0.5,
) -> list[HeatRow]:
    """Queries and their best tiles, each with the map of what it has to do with the other.

    Maps lie over the square that the network saw: of a photo that a gallery was searched with, its middle view.

    Args: rows of the report and their pictures, as for `strips_of`; kind and opacity as in `mean_model.heatmaps`.

    Raises:
        GalleryError: a photo or tile is not there, or the report is of other weights.
        PhotoError: a photo cannot be read.
    """
    require_model_of(report, embedder)
    look = _view_of(report, pictures, embedder)
    heat_rows = []
    for row in rows.itertuples(index=False):
        best = _ranked(row, 0, pictures, side_px)
        tile = pictures.tile(row.tile_ids[0], 2 * embedder.image_size)
        heats = heats_of(embedder, look(row), tile, kind, side_px, opacity)
        truth = None if best.right else _truth(row, pictures, side_px)
        heat_rows.append(HeatRow(_query(row, pictures, side_px), heats[0], best, heats[1], truth))
    return heat_rows


def heats_of(
    embedder: Embedder, first: PhotoSource, second: PhotoSource, kind: Kind, side_px: int, opacity: float
) -> tuple[SheetPicture, SheetPicture]:
    """The heat maps of two pictures for each other, over what the network saw of them."""
    from mean_model.heatmaps import overlay, pair_maps, span_of

    maps = pair_maps(embedder, first, second, kind)
    span = span_of(*maps) if kind == "similarity" else (0.0, 1.0)
    words = f"dark {span[0]:.2f} · bright {span[1]:.2f}"
    seen = (embedder.seen(source).resize((side_px, side_px), Image.Resampling.BICUBIC) for source in (first, second))
    first_heat, second_heat = (
        SheetPicture(overlay(image, heat, opacity, span), words) for image, heat in zip(seen, maps, strict=True)
    )
    return first_heat, second_heat


def pair_rows(
    pictures: Sequence[Path], embedder: Embedder, kind: Kind, side_px: int = 192, opacity: float = 0.5
) -> list[HeatRow]:
    """Heat maps of pairs of picture files, each first one beside its second; the cosine of the two stands below.

    Raises:
        GalleryError: an odd number of pictures.
        PhotoError: one cannot be read.
    """
    if len(pictures) % 2:
        raise GalleryError(f"{len(pictures)} pictures make no pairs. Give two for each row.")
    rows = []
    for first, second in zip(pictures[::2], pictures[1::2], strict=True):
        photos = [embedder.read(file) for file in (first, second)]
        cosine = float(np.dot(*embedder.embed(photos)))
        heats = heats_of(embedder, photos[0], photos[1], kind, side_px, opacity)
        shown = (
            SheetPicture(photos[0].image, first.name),
            SheetPicture(photos[1].image, f"{cosine:.3f} · {second.name}"),
        )
        rows.append(HeatRow(shown[0], heats[0], shown[1], heats[1]))
    return rows


def require_model_of(report: Report, embedder: Embedder) -> None:
    """Refuse other weights than those that a report was made with.

    Raises:
        GalleryError: names both.
    """
    stated = report.summary.get("fingerprint", embedder.fingerprint)
    if stated != embedder.fingerprint:
        raise GalleryError(
            f"The report was made with the model {report.summary.get('model', '')} ({stated}), but the model at hand "
            f"is {embedder.name} ({embedder.fingerprint}). Name the report's with --model, or evaluate again."
        )


def _view_of(report: Report, pictures: ReportPictures, embedder: Embedder) -> Callable[[Any], Any]:
    """What was embedded of the photo of a row: of a photo that a gallery was searched with, the middle view."""
    if pictures.gallery is None:
        return lambda row: pictures.read(pictures.query_file(row), embedder.image_size)
    from gallery import Localizer

    localizer = Localizer(pictures.gallery, embedder)
    options = SearchOptions(report.summary.get("rotations", 16), report.summary.get("north_up", True))

    def view(row: Any) -> Any:
        views, _ = localizer.rank(embedder.read(pictures.query_file(row)), 1, options)
        return views.views[0].image

    return view
