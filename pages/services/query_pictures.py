"""A query, or a fresh photo, with the pictures of its tiles, as data: each picture is a data URI."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from pages.common import maps

Mark = Literal["true", "near", "wrong", "unknown"]
"""What is known of a tile: the true one, one beside it, another one, or nothing."""

LARGE_PX = 384
"""Pixels of the longer side of the query, the first and the true tile."""

STRIP_PX = 160
"""Pixels of the longer side of the other tiles in a strip."""

STRIP_TILES = 10
"""Tiles in a strip."""


@dataclass(frozen=True)
class RankedTile:
    """A tile in the strip."""

    rank: int
    tile_id: str
    score: float
    mark: Mark
    metres: float | None  # from the truth
    uri: str | None  # of its picture; None: it could not be read


@dataclass(frozen=True)
class QueryPictures:
    """A query with all the pictures that are drawn of it."""

    name: str
    right: bool | None  # None: the truth is not known
    photo: str | None  # as `RankedTile.uri`
    strip: tuple[RankedTile, ...]
    truth: RankedTile | None  # the true tile, rank 0 where it is not among the ranked
    truth_missing: str = ""  # why there is none
    twin: RankedTile | None = None  # another tile that looks like the true one; its score is their cosine
    heat: tuple[str | None, str | None, str | None] = (None, None, None)  # over photo, first tile and true tile
    heat_caption: str = ""


def uri_of(image: Image.Image | None, max_px: int = LARGE_PX) -> str | None:
    """A picture as a data URI; None for none."""
    return None if image is None else maps.picture_uri(image, max_px, quality=84)
