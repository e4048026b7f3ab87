"""Sheets of pictures: queries with their ranked tiles (Fig. 5 and 6 of the paper), and with heat maps."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from gallery.errors import GalleryError
from gallery.figures.embeddings import GREEN, GREY, RED

MOST_PX = 200_000_000
"""Largest sheet, pixels."""


@dataclass(frozen=True)
class SheetPicture:
    """A picture in a sheet."""

    picture: Image.Image | None  # None: it could not be read, an empty field stands for it
    caption: str = ""  # of at most two lines, each cut to the picture's width
    right: bool | None = None  # shows the place that is asked for; None: not judged, no frame


@dataclass(frozen=True)
class Strip:
    """A query and what was found for it."""

    query: SheetPicture
    ranked: tuple[SheetPicture, ...]  # best first
    truth: SheetPicture | None = None  # a right tile, where none stands among the ranked


@dataclass(frozen=True)
class HeatRow:
    """A query and its best tile, each beside the map of what it has to do with the other."""

    query: SheetPicture
    query_heat: SheetPicture
    best: SheetPicture
    best_heat: SheetPicture
    truth: SheetPicture | None = None  # a right tile, where the best is none


def ranked_strips(strips: Sequence[Strip], side_px: int = 192) -> Image.Image:
    """A sheet with one row for each query: the query, the ranked tiles, and the true tile where it is missing.

    Right tiles have a green frame and a tick, wrong ones a red frame and a cross.

    Args: side_px: of each picture, 48 to 1024.

    Raises:
        GalleryError: there is nothing to show, or the sheet would be too large.
    """
    k = max((len(strip.ranked) for strip in strips), default=0)
    rows = [(strip.query, *strip.ranked, *[None] * (k - len(strip.ranked)), strip.truth) for strip in strips]
    return _sheet(["Query", *map(str, range(1, k + 1)), "True tile"], rows, side_px, apart={1, k + 1})


def heat_sheet(
    rows: Sequence[HeatRow], side_px: int = 192, heat: str = "heat for", names: tuple[str, str] = ("query", "tile")
) -> Image.Image:
    """A sheet with one row for each query: query, its heat map, best tile, its heat map, true tile where it is another.

    Args:
        side_px: of each picture, 48 to 1024.
        heat: what the maps show, put before "the tile" and "the query".
        names: of the two pictures.

    Raises:
        GalleryError: as `ranked_strips`.
    """
    first, second = names
    headings = [first.capitalize(), f"{heat} the {second}", second.capitalize(), f"{heat} the {first}", "True tile"]
    cells = [(row.query, row.query_heat, row.best, row.best_heat, row.truth) for row in rows]
    return _sheet(headings, cells, side_px, apart={2, 4})


def _sheet(
    headings: Sequence[str], rows: Sequence[Sequence[SheetPicture | None]], side_px: int, apart: Container[int]
) -> Image.Image:
    """Rows of pictures below headings; the last column is left out where it is empty.

    Args: apart: columns with a wider gap before them.
    """
    if not rows:
        raise GalleryError("There is no query to show.")
    if not 48 <= side_px <= 1024:
        raise GalleryError(f"side_px is {side_px}; choose 48 to 1024.")
    columns = len(headings) if any(row[-1] for row in rows) else len(headings) - 1
    gap, line = max(4, side_px // 16), max(11, side_px // 12)
    font = ImageFont.load_default(line)
    lines = max(len(_lines(shown)) for row in rows for shown in row if shown)
    row_px = side_px + lines * line + gap + line // 2
    lefts = [
        gap + column * (side_px + gap) + gap * sum(c in apart for c in range(column + 1)) for column in range(columns)
    ]
    size = lefts[-1] + side_px + gap, line * 2 + row_px * len(rows) + gap
    if size[0] * size[1] > MOST_PX:
        raise GalleryError(
            f"{len(rows)} rows of {columns} pictures make too large a sheet; choose fewer or smaller ones."
        )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for left, heading in zip(lefts, headings, strict=False):
        draw.text((left + side_px / 2, gap), heading, "black", font, anchor="ma")
    for number, row in enumerate(rows):
        for left, shown in zip(lefts, row, strict=False):
            if shown:
                _paste(sheet, draw, shown, (left, line * 2 + number * row_px), side_px, font)
    return sheet


def _paste(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, shown: SheetPicture, corner: tuple[int, int], side_px: int, font: Any
) -> None:
    left, top = corner
    right, bottom = left + side_px - 1, top + side_px - 1
    draw.rectangle((left, top, right, bottom), "#eeeeee")
    if shown.picture is None:
        draw.text((left + side_px / 2, top + side_px / 2), "no picture", GREY, font, anchor="mm")
    else:
        scale = side_px / max(shown.picture.size)
        width_px, height_px = (max(1, round(side * scale)) for side in shown.picture.size)  # a strip of 3 x 400 too
        place = left + (side_px - width_px) // 2, top + (side_px - height_px) // 2
        sheet.paste(shown.picture.convert("RGB").resize((width_px, height_px), Image.Resampling.BICUBIC), place)
    if shown.right is not None:
        width = max(3, side_px // 32)
        colour = GREEN if shown.right else RED
        draw.rectangle((left, top, right, bottom), outline=colour, width=width)
        _mark(draw, shown.right, left + width, top + width, max(14, side_px // 8), colour)
    for number, text in enumerate(_lines(shown)):
        below = left + side_px / 2, bottom + 3 + number * font.size
        draw.text(below, _fitting(text, font, side_px), "black", font, anchor="ma")


def _lines(shown: SheetPicture) -> list[str]:
    return shown.caption.split("\n")[:2]


def _mark(draw: ImageDraw.ImageDraw, right: bool, left: float, top: float, side_px: int, colour: str) -> None:
    """A tick or a cross in a square: drawn, because fonts lack it."""
    draw.rectangle((left, top, left + side_px, top + side_px), colour)
    lines = (
        [[(0.2, 0.55), (0.42, 0.77), (0.82, 0.25)]]
        if right
        else [[(0.24, 0.24), (0.76, 0.76)], [(0.76, 0.24), (0.24, 0.76)]]
    )
    for points in lines:
        places = [(left + x * side_px, top + y * side_px) for x, y in points]
        draw.line(places, "white", max(2, side_px // 8), joint="curve")


def _fitting(text: str, font: Any, width_px: float) -> str:
    """The text, cut where it is too long: of a path the beginning, else the middle, where names differ least."""
    length = font.getlength(text)
    if length <= width_px:
        return text
    most = min(len(text) - 1, int(1.5 * len(text) * width_px / length))
    for kept in range(most, 1, -1):
        front = 0 if "/" in text else (kept + 1) // 2
        shorter = f"{text[:front]}…{text[len(text) - kept + front :]}"
        if font.getlength(shorter) <= width_px:
            return shorter
    return "…"
