"""Sheets of pictures, by what can be read from their pixels."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from gallery.errors import GalleryError
from gallery.figures import contact_sheet
from gallery.figures.contact_sheet import HeatRow, SheetPicture, Strip, heat_sheet, ranked_strips
from tests.helpers.pixels import has_colour


def picture(colour: str, size: tuple[int, int] = (80, 60)) -> Image.Image:
    return Image.new("RGB", size, colour)


def at(sheet: Image.Image, x: float, y: float) -> tuple[int, ...]:
    return sheet.getpixel((round(x), round(y)))  # type: ignore[return-value]


def test_right_tiles_have_a_green_frame_and_a_tick_wrong_ones_a_red_frame_and_a_cross():
    strip = Strip(
        SheetPicture(picture("navy")),
        (SheetPicture(picture("gray"), "0.9", False), SheetPicture(picture("gray"), "0.8", True)),
    )
    sheet = ranked_strips([strip], side_px=96)
    pixels = np.asarray(sheet).astype(int)
    red, green = (np.abs(pixels - ImageColor.getrgb(c)).max(-1) < 4 for c in (contact_sheet.RED, contact_sheet.GREEN))
    left = [np.flatnonzero(mask.any(axis=0)).min() for mask in (red, green)]
    top = [np.flatnonzero(mask.any(axis=1)).min() for mask in (red, green)]
    assert left[0] < left[1] and top[0] == top[1]
    for mask, x in ((red, left[0]), (green, left[1])):
        assert mask[top[0] : top[0] + 96, x].all() and mask[top[0], x : x + 96].all()
    # without any colour the marks still differ
    grey = np.asarray(sheet.convert("L"))
    marks = [grey[top[0] + 4 : top[0] + 16, x + 4 : x + 16] for x in left]
    assert not np.array_equal(*marks) and all((mark > 200).sum() > 8 for mark in marks)


def test_a_query_and_a_tile_that_is_not_judged_have_no_frame():
    sheet = ranked_strips([Strip(SheetPicture(picture("navy")), (SheetPicture(picture("gray")),))])
    pixels = np.asarray(sheet)
    assert not has_colour(pixels, contact_sheet.RED, 4) and not has_colour(pixels, contact_sheet.GREEN, 4)
    assert has_colour(pixels, "navy", 0)


def test_rows_may_differ_in_length_and_miss_pictures():
    tile = SheetPicture(picture("gray"), "x" * 500, True)
    strips = [
        Strip(SheetPicture(None, "zürich\nnew line"), (tile, tile, tile)),
        Strip(SheetPicture(picture("navy", (3, 400))), ()),
        Strip(SheetPicture(picture("navy")), (tile,), truth=tile),
    ]
    wide, narrow = ranked_strips(strips, 64), ranked_strips(strips[:2], 64)
    assert wide.width > narrow.width and wide.height > narrow.height
    assert ranked_strips(strips[1:2]).size[0] > 0


def test_captions_are_cut_in_the_middle_and_paths_at_the_front():
    from PIL import ImageFont

    font = ImageFont.load_default(12)
    short = contact_sheet._fitting("a-very-long-name-of-a-photo_0001.jpg", font, 100)
    assert font.getlength(short) <= 100 and short.startswith("a-v") and short.endswith(".jpg") and "…" in short
    assert contact_sheet._fitting("photo.jpg", font, 100) == "photo.jpg"
    assert contact_sheet._fitting("wide", font, 1) == "…"
    path = contact_sheet._fitting("test/query_drone/0001/image-01.jpeg", font, 130)
    assert path.startswith("…") and path.endswith("/0001/image-01.jpeg") and font.getlength(path) <= 130


def test_a_second_line_makes_the_rows_higher():
    one, two, three = (ranked_strips([Strip(SheetPicture(None, text), ())], 96) for text in ("a", "a\nb", "a\nb\nc"))
    assert one.height < two.height == three.height
    assert (np.asarray(two)[one.height - 12 :] < 100).any()


def test_sheets_have_limits():
    strip = Strip(SheetPicture(None), (SheetPicture(None),) * 50)
    with pytest.raises(GalleryError, match="no query"):
        ranked_strips([])
    for side in (47, 1025):
        with pytest.raises(GalleryError, match="48 to 1024"):
            ranked_strips([strip], side)
    with pytest.raises(GalleryError, match="too large"):
        ranked_strips([strip] * 50, 1024)


def test_a_heat_row_has_its_pictures_in_order_and_the_true_tile_where_it_is_missing():
    colours = ["navy", "orange", "gray", "purple"]
    cells = [SheetPicture(picture(colour)) for colour in colours]
    right = HeatRow(cells[0], cells[1], SheetPicture(picture("gray"), "0.9", True), cells[3])
    wrong = HeatRow(
        cells[0],
        cells[1],
        SheetPicture(picture("gray"), "0.9", False),
        cells[3],
        SheetPicture(picture("teal"), "", True),
    )
    narrow, wide = heat_sheet([right], 96), heat_sheet([right, wrong], 96)
    assert wide.width > narrow.width and not has_colour(np.asarray(narrow), "teal", 0)
    pixels = np.asarray(wide)
    firsts = [np.flatnonzero((pixels == ImageColor.getrgb(colour)).all(-1).any(axis=0)).min() for colour in colours]
    assert firsts == sorted(firsts)
    assert np.flatnonzero((pixels == ImageColor.getrgb("teal")).all(-1).any(axis=0)).min() > firsts[-1] + 96
    with pytest.raises(GalleryError, match="no query"):
        heat_sheet([])
