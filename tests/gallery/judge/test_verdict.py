"""What is believed: the calibrated probability where there is one, the rule where there is none, fits before tiles."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from gallery.geo import LonLat, rectangle
from gallery.judge.calibration import Calibration, Logistic, percent
from gallery.judge.evidence import KINDS, Evidence
from gallery.judge.geometry import Alignment, Check, Fit
from gallery.judge.verdict import judge, search_mode
from gallery.photo.pose import Pose
from gallery.photo.views import QueryCrop, QueryViews
from gallery.tiles import Match, Tile

PICTURE = Image.new("RGB", (4, 4))
TURNED = QueryViews((QueryCrop(PICTURE),), "")
STATED = QueryViews((QueryCrop(PICTURE), QueryCrop(PICTURE, 50.0)), "", 100.0, pose=Pose(0, -90, 100, 24))
GUESSED = replace(STATED, guessed=True)
ALIGNMENT = Alignment(
    Tile("0", LonLat(10, 50), rectangle(LonLat(10, 50), 100, 100), 1, "r"), (4, 4), *np.zeros((2, 20, 2)), np.eye(3)
)
FIT = Fit(20, LonLat(10.0001, 50.0), 2.5, box(10, 50, 10.001, 50.001), 0.0, None, ALIGNMENT)
EVIDENCE = Evidence(0.8, 0.1, 3.0, 4.0, 1.0, None)


def matches(together: int) -> list[Match]:
    """Five tiles, so many of them at one place."""
    lons = [10.0] * together + [20.0 + rank for rank in range(5 - together)]
    tiles = (Tile(str(n), LonLat(lon, 50), rectangle(LonLat(lon, 50), 100, 100), 1, "r") for n, lon in enumerate(lons))
    return [Match(rank, tile, 0.9) for rank, tile in enumerate(tiles, start=1)]


def calibration(bias: float, at_95: float | None, checked: bool) -> Calibration:
    """The same probability for all evidence."""
    zeros, ones = ((number,) * (len(KINDS) - (not checked)) for number in (0.0, 1.0))
    one = Logistic(zeros, ones, zeros, bias, {0.9: 0.1, 0.95: at_95, 0.99: None}, 10, 5)
    return Calibration("f", "", {"stated, checked" if checked else "stated": one})


def belief(views=STATED, found=4, check=None, evidence=EVIDENCE, by=None, trust=0.95, by_chance=0.01):
    return judge(matches(found), views, by_chance, check, evidence, by, trust)


def test_each_way_of_searching_is_told_apart():
    assert [search_mode(views) for views in (TURNED, STATED, GUESSED)] == ["turned", "stated", "guessed"]


@pytest.mark.parametrize(("views", "needed"), [(STATED, 3), (GUESSED, 4), (TURNED, 4)])
def test_without_calibration_tiles_must_agree(views, needed):
    assert [belief(views, found).located for found in range(1, 6)] == [found >= needed for found in range(1, 6)]
    one = belief(views, 5)
    assert one.confidence is None and one.place.radius_m > 50 and "5 of the best 5" in one.reasons[0]
    assert not belief(views, 5, by_chance=0.5).located


def test_a_fit_is_the_place_and_its_own_reason():
    found = belief(GUESSED, 1, Check(FIT, 1, 0.1))
    assert found.located and (found.place.lon, found.place.radius_m) == (10.0001, 2.5)
    assert found.reasons == ("20 matching points agree on one place.",)
    missed = belief(STATED, 4, Check(None, 5, 0.1))
    assert missed.located and len(missed.reasons) == 2 and "No place fits" in missed.reasons[1]


@pytest.mark.parametrize(("bias", "at_95", "located"), [(2.0, 0.8, True), (1.0, 0.8, False), (9.0, None, False)])
def test_a_calibrated_probability_decides(bias, at_95, located):
    for found in (1, 5):  # whatever the rule says
        one = belief(found=found, by=calibration(bias, at_95, checked=False))
        assert one.located == located
        assert one.confidence == pytest.approx(calibration(bias, at_95, False).ways["stated"].probability(EVIDENCE))
        assert percent(one.confidence) in one.reasons[-1] and f"{found} of the best 5" in one.reasons[0]


def test_it_decides_over_a_fit_too():
    checked = replace(EVIDENCE, inliers=3.0)
    found = belief(check=Check(FIT, 1, 0.1), evidence=checked, by=calibration(-3.0, 0.8, checked=True))
    assert not found.located and found.place.radius_m == 2.5 and found.confidence == pytest.approx(0.0474, abs=1e-3)


def test_other_ways_of_searching_keep_the_rule():
    by = calibration(-9.0, 0.8, checked=False)
    for views, evidence in ((GUESSED, EVIDENCE), (STATED, replace(EVIDENCE, inliers=2.0)), (STATED, None)):
        one = belief(views, 5, evidence=evidence, by=by)
        assert one.located and one.confidence is None


def test_more_trust_asks_for_more():
    by = calibration(0.0, 0.6, checked=False)
    assert [belief(by=by, trust=trust).located for trust in (0.9, 0.95, 0.99)] == [True, False, False]
