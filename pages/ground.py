"""The gallery's whole area as one small picture, so that a map without internet is not an empty sheet."""

import io
import math

import numpy as np
from PIL import Image

from gallery import Gallery
from gallery.errors import GalleryError
from pages.maps import Picture, data_uri

MOST_TILES = 2500  # read for one picture: some seconds of background work
MOST_DEGREES = 0.5  # beyond this a plain stretch between corners is visibly off in Leaflet's projection
COVERED = 0.9  # a tile whose area is already drawn to this share is not read


def ground_picture(gallery: Gallery, max_px: int = 1400) -> Picture | None:
    """Paste tiles into one picture whose longer side has max_px; where there is no tile it is transparent.

    Returns: None for a gallery too large, too wide or too empty for it.
    """
    boxes = gallery.boxes
    if not len(boxes):
        return None
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    if max(east - west, north - south) > MOST_DEGREES or min(east - west, north - south) <= 0:
        return None
    squeeze = math.cos(math.radians((south + north) / 2))
    px_per_deg = max_px / max((east - west) * squeeze, north - south)
    size_px = (round((east - west) * squeeze * px_per_deg), round((north - south) * px_per_deg))
    places = np.column_stack(
        [
            (boxes[:, 0] - west) / (east - west) * size_px[0],
            (north - boxes[:, 3]) / (north - south) * size_px[1],
            (boxes[:, 2] - west) / (east - west) * size_px[0],
            (north - boxes[:, 1]) / (north - south) * size_px[1],
        ]
    )
    corners = np.round(places).astype(int)
    rows = _needed(corners, size_px)
    if not 0 < len(rows) <= MOST_TILES:
        return None
    sheet = Image.new("RGBA", size_px, (0, 0, 0, 0))
    for row in rows:
        left, top, right, bottom = (int(value) for value in corners[row])
        width_px, height_px = max(1, right - left), max(1, bottom - top)
        try:
            picture = gallery.image(gallery.tile(row), max_px=2 * max(width_px, height_px))
        except GalleryError:
            continue  # a missing source leaves a hole here and is told where the tile itself is asked for
        picture = picture.convert("RGB").resize((width_px, height_px), Image.Resampling.LANCZOS)
        sheet.paste(picture.convert("RGBA"), (left, top))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=72, method=3)
    return Picture(data_uri(buffer.getvalue(), "webp"), (float(west), float(south), float(east), float(north)))


def _needed(corners: np.ndarray, size_px: tuple[int, int]) -> list[int]:
    """Rows of tiles that together cover what all of them cover.

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
