"""The gallery's whole area as one small picture, so that a map without internet is not an empty sheet."""

import io
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from gallery import Gallery, Tile
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.tiles import Window
from pages.common.maps import GroundImage, data_uri

MOST_DEGREES = 0.5  # beyond this a plain stretch between corners is visibly off in Leaflet's projection
MOST_RASTER_PX = 600_000_000  # of one raster that is read at once, scaled down
MOST_IMAGES = 400  # read one by one for one picture
COVERED = 0.9  # an image whose area is already drawn to this share is not read
FIT_PX = 2.0  # a raster that bends more than this under one affine map is not drawn


@dataclass(frozen=True)
class Sheet:
    """A picture's size and the box of degrees that it covers."""

    west: float
    south: float
    east: float
    north: float
    width_px: int
    height_px: int

    @classmethod
    def over(cls, boxes: np.ndarray, max_px: int) -> "Sheet | None":
        """The sheet over all boxes (N, 4), its longer side max_px; None where there is nothing or too much."""
        if not len(boxes):
            return None
        west, south = (float(value) for value in boxes[:, :2].min(axis=0))
        east, north = (float(value) for value in boxes[:, 2:].max(axis=0))
        width, height = (east - west) * math.cos(math.radians((south + north) / 2)), north - south
        if min(width, height) <= 0 or max(width, height) > MOST_DEGREES:
            return None
        scale = max_px / max(width, height)
        return cls(west, south, east, north, max(1, round(width * scale)), max(1, round(height * scale)))

    def pixels(self, lons: np.ndarray, lats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of points."""
        return (
            (lons - self.west) / (self.east - self.west) * self.width_px,
            (self.north - lats) / (self.north - self.south) * self.height_px,
        )


def ground_picture(gallery: Gallery, max_px: int = 1400) -> GroundImage | None:
    """The imagery of all tiles as one picture whose longer side has max_px; transparent where there is none.

    Returns: None for a gallery too wide, too large or too empty for it.
    """
    sheet = Sheet.over(gallery.boxes, max_px)
    if sheet is None:
        return None
    picture = Image.new("RGBA", (sheet.width_px, sheet.height_px), (0, 0, 0, 0))
    tiles = gallery.tiles
    cut = tiles["col_px"].notna().to_numpy()
    try:
        for source, rows in tiles[cut].groupby("source"):
            part = _raster(gallery, str(source), rows, sheet)
            if part is not None:
                picture.alpha_composite(part)
        _images(gallery, np.flatnonzero(~cut), sheet, picture)
    except GalleryError:
        return None  # a source is not there any more: that is told where a tile of it is asked for
    if picture.getchannel("A").getbbox() is None:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=72, method=3)
    return GroundImage(data_uri(buffer.getvalue(), "webp"), (sheet.west, sheet.south, sheet.east, sheet.north))


def _raster(gallery: Gallery, source: str, tiles: pd.DataFrame, sheet: Sheet) -> Image.Image | None:
    """All tiles of one raster, read at once and laid onto the sheet by the affine map that fits their centres."""
    left, top = int(tiles["col_px"].min()), int(tiles["row_px"].min())
    width = int((tiles["col_px"] + tiles["width_px"]).max()) - left
    height = int((tiles["row_px"] + tiles["height_px"]).max()) - top
    if width * height > MOST_RASTER_PX:
        return None
    columns, rows = sheet.pixels(tiles["lon"].to_numpy(float), tiles["lat"].to_numpy(float))
    shrink = max(sheet.width_px, sheet.height_px) / max(width, height)
    inside = np.column_stack(
        [
            (tiles["col_px"] + tiles["width_px"] / 2 - left) * shrink,
            (tiles["row_px"] + tiles["height_px"] / 2 - top) * shrink,
        ]
    ).astype(float)
    points = np.column_stack([columns, rows, np.ones(len(tiles))])
    fit, _, rank, _ = np.linalg.lstsq(points, inside, rcond=None)
    if rank < 3 or np.abs(points @ fit - inside).max() > FIT_PX:
        return None
    whole = Tile("ground", LonLat(0, 0), tiles.geometry.iloc[0], 1.0, source, Window(left, top, width, height))
    longest_px = max(sheet.width_px, sheet.height_px)
    image, held = gallery.image(whole, longest_px).convert("RGBA"), gallery.held(whole, longest_px)
    if held is not None and not held.all():
        image.putalpha(Image.fromarray(np.where(held, 255, 0).astype(np.uint8)))
    exact = np.array([image.width / (width * shrink), image.height / (height * shrink)])
    return image.transform(
        (sheet.width_px, sheet.height_px),
        Image.Transform.AFFINE,
        tuple((fit * exact).T.ravel()),
        resample=Image.Resampling.BILINEAR,
    )


def _images(gallery: Gallery, rows: np.ndarray, sheet: Sheet, picture: Image.Image) -> None:
    """Paste the tiles that are images of their own, as few as cover the same ground."""
    boxes = gallery.boxes[rows]
    left, top = sheet.pixels(boxes[:, 0], boxes[:, 3])
    right, bottom = sheet.pixels(boxes[:, 2], boxes[:, 1])
    corners = np.round(np.column_stack([left, top, right, bottom])).astype(int)
    needed = _needed(corners, (sheet.width_px, sheet.height_px))
    if len(needed) > MOST_IMAGES:
        return
    for at in needed:
        x, y, x_end, y_end = (int(value) for value in corners[at])
        size_px = max(1, x_end - x), max(1, y_end - y)
        tile = gallery.image(gallery.tile(int(rows[at])), max_px=2 * max(size_px)).convert("RGBA")
        picture.paste(tile.resize(size_px, Image.Resampling.LANCZOS), (x, y))


def _needed(corners: np.ndarray, size_px: tuple[int, int]) -> list[int]:
    """Rows of boxes that together cover what all of them cover.

    Args: corners: (N, 4) left, top, right, bottom in pixels.
    """
    drawn = np.zeros((size_px[1], size_px[0]), bool)
    needed = []
    # First those that hardly overlap: of a grid that overlaps by half, every second one in every second row.
    for most_drawn in (0.1, COVERED):
        for row, (left, top, right, bottom) in enumerate(corners):
            part = drawn[max(0, top) : max(top + 1, bottom), max(0, left) : max(left + 1, right)]
            if part.size and part.mean() < most_drawn:
                part[:] = True
                needed.append(row)
    return needed
