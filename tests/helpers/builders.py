"""What tests build on the spot: a fake embedder whose vectors one can reason about, GeoTIFFs and pictures."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from gallery import Gallery, build_gallery


@dataclass(frozen=True)
class FakePosition:
    """A photo's own position, as an embedder reports it."""

    lon: float
    lat: float
    altitude_m: float | None = None


@dataclass(frozen=True)
class FakePose:
    """How a photo's camera looked, as an embedder reports it."""

    heading_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    focal_35mm: float | None = None
    roll_deg: float | None = None
    other_focals_35mm: tuple[float, ...] = ()


@dataclass(frozen=True)
class FakePhoto:
    """What the fake embedder reads."""

    image: Image.Image
    name: str
    position: FakePosition | None = None
    pose: FakePose | None = None
    notes: tuple[str, ...] = ()
    taken_at: datetime | None = None
    statements: tuple[Any, ...] = ()

    @property
    def width_px(self) -> int:
        return self.image.width

    @property
    def height_px(self) -> int:
        return self.image.height


class FakeEmbedder:
    """Embeds a picture as the mean colours of a grid, centred and normalised: alike pictures, alike vectors."""

    image_size = 64
    precision = "float32"
    from_above = False
    calibration: Any = None
    photo_errors: tuple[type[Exception], ...] = ()

    def __init__(
        self,
        grid: int = 8,
        fingerprint: str = "fake-8x8",
        positions: dict[str, FakePosition] | None = None,
        poses: dict[str, FakePose] | None = None,
    ):
        self.grid = grid
        self.dimension = grid * grid * 3 + 1
        self.fingerprint = fingerprint
        self.name = "fake"
        self.positions = positions or {}
        self.poses = poses or {}
        self.embedded = 0

    def read(self, source: Any, least_px: int = 0) -> FakePhoto:
        """Read a path or a picture; bytes are not needed here."""
        if isinstance(source, FakePhoto):
            return source
        if isinstance(source, Image.Image):
            return FakePhoto(source.convert("RGB"), "picture")
        path = Path(source)
        try:
            with Image.open(path) as picture:
                image, name = picture.convert("RGB"), path.name
        except UnidentifiedImageError as error:
            raise ValueError(f"{path.name} is no picture that can be read.") from error
        return FakePhoto(image, name, self.positions.get(name), self.poses.get(name))

    def position(self, source: Any) -> FakePosition | None:
        """Where a picture was taken."""
        return self.read(source).position

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """(N, D) float32 rows of length 1."""
        self.embedded += len(images)
        rows = [self._row(one if isinstance(one, Image.Image) else one.image) for one in images]
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, self.dimension), np.float32)

    def _row(self, image: Image.Image) -> np.ndarray:
        small = image.convert("RGB").resize((self.grid, self.grid), Image.Resampling.BOX)
        values = np.append(np.asarray(small, np.float64).ravel() / 255 - 0.5, 0.05)
        return values / np.linalg.norm(values)


def textured(height_px: int, width_px: int, seed: int = 0, bands: int = 3) -> np.ndarray:
    """(bands, H, W) uint8: smooth random blobs, every place different from every other."""
    rng = np.random.default_rng(seed)
    layers = []
    for _ in range(bands):
        coarse = Image.fromarray(rng.integers(0, 256, (max(2, height_px // 8), max(2, width_px // 8)), np.uint8))
        layers.append(np.asarray(coarse.resize((width_px, height_px), Image.Resampling.BICUBIC)))
    return np.stack(layers)


def write_raster(
    path: Path,
    crs: str | None = "EPSG:3857",
    origin: tuple[float, float] = (1_000_000.0, 6_000_000.0),
    pixel: float | tuple[float, float] = 1.0,
    pixels: np.ndarray | None = None,
    transform: Any = None,
    **profile: Any,
) -> Path:
    """A GeoTIFF with its upper left corner at origin; pixels: (bands, H, W)."""
    import rasterio
    from affine import Affine

    data = textured(400, 600) if pixels is None else pixels
    across, down = pixel if isinstance(pixel, tuple) else (pixel, pixel)
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height_px, width_px = data.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width_px,
        height=height_px,
        count=bands,
        dtype=data.dtype,
        crs=crs,
        transform=transform or Affine(across, 0, origin[0], 0, -down, origin[1]),
        **profile,
    ) as file:
        file.write(data)
    return path


def digest(file: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Checksums of all files below a folder."""
    return {path.relative_to(folder).as_posix(): digest(path) for path in folder.rglob("*") if path.is_file()}


def build_region(folder: Path, embedder: Any, pixels: np.ndarray, tile_size_m: float = 100, **more: Any) -> Gallery:
    """The gallery `g` of `region.tif`, a raster of one metre a pixel.

    Args: pixels: (bands, H, W); more: as `build_gallery`.
    """
    raster = write_raster(folder / "region.tif", "EPSG:32633", (500_000, 5_000_000), pixels=pixels)
    return build_gallery(raster, folder / "g", embedder, tile_size_m=tile_size_m, **more)


def write_truth(folder: Path, rows: Iterable[Sequence[object]], *more: str) -> None:
    """Where the photos of a folder were taken.

    Args: rows: file, longitude, latitude, and values of the columns `more`.
    """
    with (folder / "truth.csv").open("w", newline="") as table:
        csv.writer(table).writerows([("file", "lon", "lat", *more), *rows])
