"""The pieces of HTML: text from files stays text, and a card says no more than the answer does."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from gallery.geo import LonLat, Position
from gallery.grid_references import grid_references
from gallery.judge.geometry import Alignment, Check, Fit
from gallery.judge.overlay import Overlay
from gallery.search.answer import Answer, ExifCheck
from gallery.tiles import Match, Tile
from pages.common import cards
from tests.helpers.hostile import HOSTILE

TILE = Tile("island/1", LonLat(0.01, 0.02), box(0.009, 0.019, 0.011, 0.021), 0.5, "island.tif")
ANSWER = Answer("photo.jpg", (Match(1, TILE, 0.8123),), notes=("A note.",), timings={"read": 0.03, "embed": 0.05})


def test_an_unsure_answer_claims_no_position_and_no_probability():
    card = cards.verdict_card(ANSWER, "data:,")
    assert "Unsure" in card and "Perhaps <b>0.01000° E, 0.02000° N</b>" in card
    assert "0.812" in card and "% sure" not in card and "Not confirmed." in card
    assert "A note." in card and "total" in card


def test_a_located_answer_says_where_and_within_what():
    answer = replace(ANSWER, verdict="located", position=Position(-0.01, 0.02, 85.0), exif=ExifCheck(0.01, 0.02, 37.2))
    card = cards.verdict_card(answer, "data:,")
    assert "Located" in card and "0.01000° W" in card and "Within 85 m." in card and "37 m" in card
    assert "Perhaps" not in card
    assert "97 % sure, within 85 m." in cards.verdict_card(replace(answer, confidence=0.97), "data:,")


def test_a_place_is_written_in_the_usual_grids_to_be_copied_and_opened():
    card = cards.verdict_card(ANSWER, "data:,")
    grids = grid_references(TILE.centre)
    for written in ("0.01000° E, 0.02000° N", grids.utm, grids.mgrs, grids.plus_code):
        assert f'data-copy="{written}"' in card
    assert card.count('class="copy"') == 4 and card.count("<a href=") == 1
    assert 'href="https://www.openstreetmap.org/?mlat=0.020000&amp;mlon=0.010000#map=17/0.020000/0.010000"' in card


def test_what_hardly_fits_is_not_found_and_names_no_place():
    card = cards.verdict_card(replace(ANSWER, confidence=cards.NOT_FOUND - 0.01), "data:,")
    assert "Not found here" in card and "Perhaps" not in card and 'class="places"' not in card and "0.812" in card
    assert "Perhaps" in cards.verdict_card(replace(ANSWER, confidence=cards.NOT_FOUND), "data:,")


def test_no_match_is_an_answer_too():
    assert "No tile lies in the area" in cards.verdict_card(Answer("photo.jpg", (), notes=("Nothing here.",)), "data:,")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    answer = replace(ANSWER, photo=name, notes=(name,), matches=(Match(1, replace(TILE, id=name), 0.5),))
    pieces = cards.verdict_card(answer, "data:,") + cards.summary_card(1, [(name, name)], 0, {})
    pieces += cards.message_card(name, name) + cards.header(name) + cards.section(name, name)
    assert "<img src=x" not in pieces and "<script" not in pieces


FIT = Fit(
    75, LonLat(0.01, 0.02), 4.0, TILE.footprint, 10.0, None,
    Alignment(TILE, (640, 480), np.zeros((75, 2), np.float32), np.zeros((75, 2), np.float32), np.eye(3)),
)  # fmt: skip


@pytest.mark.parametrize("check", [Check(FIT, 1, 0.2), Check(None, 3, 0.9), Check(None, 1, 0.9, "The raster is gone.")])
def test_the_card_gives_the_reason_once(check):
    card = cards.verdict_card(replace(ANSWER, check=check, notes=("A note.", check.reason)), "data:,")
    assert card.count(check.reason) == 1 and f'<p class="why">{check.reason}</p>' in card
    assert "why" not in cards.verdict_card(ANSWER, "data:,")


@pytest.mark.parametrize(("inliers", "words"), [(75, "60 of the 75 matching"), (20, "The 20 matching")])
def test_how_it_fits_says_how_many_points_are_drawn(inliers, words):
    picture = Image.new("RGB", (30, 20))
    answer = replace(ANSWER, check=Check(replace(FIT, inliers=inliers), 1, 0.2))
    part = cards.fit_view(answer, Overlay(picture, picture, picture, picture))
    assert words in part and part.count("data:image/jpeg") == 4 and 'type="range"' in part


def test_the_legend_names_only_what_the_map_shows():
    assert "EXIF" not in cards.legend(ANSWER) and "best tile" in cards.legend(ANSWER)
    full = replace(ANSWER, position=Position(0, 0, 1), exif=ExifCheck(0, 0, 1))
    assert "EXIF" in cards.legend(full) and "radius" in cards.legend(full)
    assert "<span" not in cards.legend(Answer("photo.jpg", ()))
