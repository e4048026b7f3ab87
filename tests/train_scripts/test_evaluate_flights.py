"""Simulated flights: how they fly, what wrong matches do to them, and the figures that come of claims."""

import math
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.constants import SAMPLE
from gallery.geo import LonLat, Position, moved
from gallery.track.track import Sighting
from mean_model import load_photo
from train_scripts.data.simulator.flights import TAKE_OFF, Leg, Moment, clock, flown, shots_of
from train_scripts.data.world.shading import Appearance
from train_scripts.evaluate_flights import Claim, PhotoAnswers, figures, table, with_wrong_matches

ORIGIN = LonLat(0.0, 0.0)


@settings(max_examples=30)
@given(st.floats(2, 25), st.floats(0, 359), st.lists(st.tuples(st.floats(50, 400), st.floats(-170, 170)), max_size=4))
def test_a_flight_keeps_its_speed_and_turns_by_its_legs(speed_m_s, course_deg, legs):
    moments = flown(Moment(0, 0, course_deg, 0), [Leg(*leg) for leg in [*legs, (200, 0)]], speed_m_s, 1.0)
    assert [moment.time_s for moment in moments] == pytest.approx(list(range(len(moments))))
    steps_m = [math.dist((a.east_m, a.north_m), (b.east_m, b.north_m)) for a, b in pairwise(moments)]
    assert max(steps_m) <= speed_m_s * 1.001
    turned_deg = (moments[-1].course_deg - course_deg - sum(turn for _, turn in legs) + 180) % 360 - 180
    assert turned_deg == pytest.approx(0, abs=1e-6)


def test_a_straight_flight_goes_where_it_looks():
    moments = flown(Moment(10, 20, 90, 0), [Leg(100)], 10.0, 4.0)
    assert [(round(at.east_m), round(at.north_m)) for at in moments] == [(10, 20), (50, 20), (90, 20)]
    shots = shots_of(moments, Appearance(), altitude_m=100, pitch_deg=-70, seed=5)
    assert [shot.heading_deg for shot in shots] == [90] * 3 and len({shot.seed for shot in shots}) == 3
    assert (clock(moments[1]) - TAKE_OFF).total_seconds() == 4


def asked(number: int, truth: LonLat | None) -> PhotoAnswers:
    sighting = Sighting(f"{number}.jpg", taken_at=datetime(2026, 1, 1), rows=np.array([number]), scores=np.array([0.5]))
    return PhotoAnswers(sighting, sighting, truth)


def test_wrong_matches_come_from_other_flights_far_away_and_keep_the_own_clock():
    flights = [
        [asked(100 * flight + number, moved(ORIGIN, 2000 * flight + number, 0)) for number in range(50)]
        for flight in range(3)
    ]
    flights[0][7] = asked(7, None)
    mixed = with_wrong_matches(flights, 0.2, seed=1)
    changed = 0
    for own, now in zip(flights, mixed, strict=True):
        for before, after in zip(own, now, strict=True):
            assert (after.truth, after.plain.name) == (before.truth, before.plain.name)
            row, own_row = int(after.plain.rows[0]), int(before.plain.rows[0])
            assert row == own_row or row // 100 != own_row // 100
            changed += row != own_row
    assert 15 <= changed <= 45
    assert with_wrong_matches(flights, 0.0, seed=1) == flights


def test_figures_of_claims():
    here = [
        Claim(Position(at.lon, at.lat, 30.0), ORIGIN) for at in (moved(ORIGIN, metres, 0) for metres in (10, 20, 300))
    ]
    claims = [*here, Claim(None, ORIGIN), Claim(None, None), Claim(Position(0, 0, 5.0), None)]
    row = figures(claims)
    assert row["median_m"] == pytest.approx(20, abs=0.01) and row["found"]["percent"] == 75
    assert row["wrong"]["percent"] == pytest.approx(100 / 3) == 100 - row["within_radius"]["percent"]
    assert row["claimed_elsewhere"]["percent"] == 50 and math.isinf(claims[-1].error_m)
    nothing = figures([Claim(None, ORIGIN)])
    assert nothing["median_m"] is None and nothing["wrong"] == {"percent": None, "interval95": None}
    setting = {"pose": "stated", "answers": "checked", "wrong_matches": 0.2, "filter": False}
    assert "75.0 % (30.1-95.4)" in table([{**setting, **row}, {**setting, **nothing}])


def test_the_example_flight_states_times_places_and_poses_and_is_small():
    photos = sorted((SAMPLE / "flight").glob("*.jpg"))
    read = [load_photo(path) for path in photos]
    assert 24 <= len(photos) <= 40 and sum(path.stat().st_size for path in photos) < 1_000_000
    times = [photo.taken_at for photo in read]
    assert all((b - a).total_seconds() == 4 for a, b in pairwise(times))
    assert all(photo.position is not None and photo.pose.pitch_deg is not None for photo in read)
