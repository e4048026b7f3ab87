"""A small place for tests of the pages: imagery, its gallery, photos with EXIF, an embedder without a network."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from gallery import Gallery, Localizer, build_gallery
from gallery.geo import LonLat
from gallery.report.photo_quality import picture_facts
from gallery.report.report import row_of, write_report
from gallery.search.options import SearchOptions
from mean_model import MeanModelError, Photo, PhotoPosition, load_photo
from mean_model.photo import read_position
from pages.services.catalog import CatalogEntry, GalleryCatalog, keys_of
from pages.services.engine import Engine
from pages.services.flight import FlightService
from pages.services.locate import LocateService
from tests.helpers.bad_files import BadFile, gps_exif, make_bad_files

WEST_DEG, NORTH_DEG = 0.01, 0.012
METRES_PER_DEG = 111_320.0
CONDITIONS = ("fog", "clear")
BAD_FILES = TemporaryDirectory(prefix="bad-files-")


class ColourEmbedder:
    """Colours on a coarse grid as the vector: finds the tile that a crop of the same imagery shows."""

    fingerprint = "colours-8x8"
    name = "colours"
    image_size = 64
    dimension = 192
    precision = "float32"
    from_above = False
    calibration = None
    photo_errors = (MeanModelError,)

    def read(self, source: Any, least_px: int = 0) -> Photo:
        return load_photo(source, target_px=max(self.image_size, least_px // 2))

    def position(self, source: Any) -> PhotoPosition | None:
        return read_position(source)

    def seen(self, photo: Any) -> Image.Image:
        return self.read(photo).image.resize((self.image_size, self.image_size), Image.Resampling.LANCZOS)

    def embed(self, photos: Sequence[Any]) -> np.ndarray:
        rows = np.stack([self._row(photo.image if isinstance(photo, Photo) else photo) for photo in photos])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    @staticmethod
    def _row(image: Image.Image) -> np.ndarray:
        small = np.asarray(image.convert("RGB").resize((8, 8), Image.Resampling.BOX), np.float64)
        return (small - small.mean()).ravel() + 1e-3


def imagery(side_px: int, seed: int = 0) -> np.ndarray:
    """(S, S, 3) uint8: patches of field, roof and water colours with soft shades, different everywhere."""
    rng = np.random.default_rng(seed)
    colours = np.array([[92, 120, 60], [150, 140, 90], [60, 90, 50], [170, 110, 90], [190, 190, 185], [60, 95, 120]])
    cells = side_px // 20 + 1
    patches = colours[rng.integers(0, len(colours), (cells, cells))]
    big = np.asarray(
        Image.fromarray(patches.astype(np.uint8)).resize((side_px, side_px), Image.Resampling.NEAREST), np.float64
    )
    shade = rng.normal(0, 26, (cells * 2, cells * 2)).astype(np.float32)
    soft = np.asarray(Image.fromarray(shade).resize((side_px, side_px), Image.Resampling.BICUBIC))
    return np.clip(big + soft[..., None], 0, 255).astype(np.uint8)


def write_raster(path: Path, pixels: np.ndarray, west_deg: float = WEST_DEG, north_deg: float = NORTH_DEG) -> Path:
    """Imagery of one metre per pixel as a GeoTIFF in WGS84."""
    step_deg = 1 / METRES_PER_DEG
    profile = {
        "driver": "GTiff",
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:4326",
        "transform": from_origin(west_deg, north_deg, step_deg, step_deg),
        "tiled": True,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels.transpose(2, 0, 1))
    return path


def write_photo(
    path: Path, pixels: np.ndarray, col_px: int, row_px: int, side_px: int = 100, exif: bool = True
) -> Path:
    """A photo of the imagery's square from (col, row), with the position of its middle."""
    crop = Image.fromarray(pixels[row_px : row_px + side_px, col_px : col_px + side_px]).resize((640, 640))
    lon = WEST_DEG + (col_px + side_px / 2) / METRES_PER_DEG
    lat = NORTH_DEG - (row_px + side_px / 2) / METRES_PER_DEG
    extra = {"exif": gps_exif(lon, lat)} if exif else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    crop.save(path, "JPEG", quality=90, **extra)
    return path


def make_small_world(folder: Path, side_px: int = 600, seed: int = 0) -> tuple[Gallery, list[Path]]:
    """A gallery of side_px metres square with 50 % overlap, and four photos of it; the last one has no position."""
    pixels = imagery(side_px, seed)
    folder.mkdir(parents=True, exist_ok=True)
    raster = write_raster(folder / "imagery.tif", pixels)
    gallery = build_gallery([raster], folder / "gallery", ColourEmbedder(), tile_size_m=100)
    spots = [(103, 202), (300, 53), (402, 400), (50, 450)]
    photos = [
        write_photo(folder / "gallery" / "photos" / f"photo_{number}.jpg", pixels, col, row, exif=number < 4)
        for number, (col, row) in enumerate(spots, start=1)
    ]
    return gallery, photos


def write_flight(folder: Path, count: int = 10, blank: Sequence[int] = ()) -> list[Path]:
    """Photos of the small world on a way east, every 50 m; blank ones show nothing. The first name is hostile."""
    pixels = imagery(600)
    names = ["<img src=x onerror=hit()>.jpg", *(f"way_{number:02d}.jpg" for number in range(1, count))]
    paths = [write_photo(folder / name, pixels, 50 * number, 250) for number, name in enumerate(names)]
    for number in blank:
        Image.new("RGB", (200, 200), (90, 90, 90)).save(paths[number])
    return paths


def service_of(folder: Path, seed: int = 0, side_px: int = 600) -> LocateService:
    """A service over a small world made in the folder, not started."""
    gallery, photos = make_small_world(folder, side_px, seed)
    return LocateService(Engine(lambda: Localizer(gallery, ColourEmbedder())), photos)


def catalog_of(*services: LocateService, flights: FlightService | None = None) -> GalleryCatalog:
    """Galleries to choose from, by the names gallery, gallery-2, … Args: flights: of the first one."""
    keys = keys_of([Path("gallery")] * len(services))
    answers = [flights or FlightService(services[0]), *map(FlightService, services[1:])]
    return GalleryCatalog(
        [CatalogEntry(*each) for each in zip(keys, keys, map(Path, keys), services, answers, strict=True)]
    )


@contextmanager
def served(catalog: GalleryCatalog, others: Sequence[Any] = (), proxies: int = 0) -> Iterator[str]:
    """The app on a free port of this machine. Args: others: pages beside the first one. Yields: its address."""
    import app

    pages = app.build(catalog, others)
    address = app.serve(pages, catalog, "127.0.0.1", free_port(), proxies)
    try:
        yield address
    finally:
        pages.close()


def write_small_report(file: Path, gallery: Gallery, places: Sequence[str], count: int = 30, flipped: int = 3) -> Path:
    """A report of crops of the small world; every flipped-th crop stands on its head, so that its answer is wrong.

    Args: places: names that the queries bear in turn, in their ids too.
    """
    embedder, pixels = ColourEmbedder(), imagery(600)
    localizer, random = Localizer(gallery, embedder), np.random.default_rng(1)
    rows = []
    for number in range(count):
        col, row = (int(value) for value in random.integers(0, 500, 2))
        crop = Image.fromarray(pixels[row : row + 100, col : col + 100])
        if number % flipped == 0:
            crop = crop.rotate(180)
        truth = LonLat(WEST_DEG + (col + 50) / METRES_PER_DEG, NORTH_DEG - (row + 50) / METRES_PER_DEG)
        answer = localizer.localize(crop, k=10, options=SearchOptions(rotations=1))
        facts, place, condition = picture_facts(crop, 96), places[number % len(places)], CONDITIONS[number % 2]
        known = row_of(
            answer, f"q{number:02d} {place}", "none.jpg", truth, altitude_m=50.0 + 5 * number, condition=condition
        )
        rows.append(
            replace(
                known,
                place=place,
                tile_places=[places[rank % len(places)] for rank in range(len(known.tile_ids))],
                sharpness=facts.sharpness,
                brightness=facts.brightness,
                thumbnail=facts.thumbnail,
                vector=embedder.embed([crop])[0],
            )
        )
    write_report(file, rows, {"fingerprint": embedder.fingerprint})
    return file


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@cache
def bad_files() -> dict[str, BadFile]:
    """The 13 bad files, made once for all tests of a run: the bomb takes seconds."""
    return make_bad_files(Path(BAD_FILES.name))
