"""Numbers and places in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.common import formatting


@pytest.mark.parametrize(
    ("value_m", "text"),
    [(0, "0 m"), (7.6, "8 m"), (999.4, "999 m"), (1240, "1.24 km"), (52_100, "52 km"), (5_210_000, "5,210 km")],
)
def test_metres(value_m, text):
    assert formatting.metres(value_m) == text


def test_a_place_names_its_directions_longitude_first():
    assert formatting.coordinates(-0.5, 51.25) == "0.50000° W, 51.25000° N"
    assert formatting.coordinates(151.2, -33.9) == "151.20000° E, 33.90000° S"


@given(st.floats(0, 1000))
def test_durations_carry_a_unit(seconds):
    assert formatting.duration(seconds).endswith((" ms", " s"))


def test_stages_come_in_the_order_they_happen_with_their_total():
    lines = formatting.stages({"draw": 0.02, "search": 0.001, "read": 0.05, "embed": 0.03})
    assert [name for name, _ in lines] == ["read", "embed", "search", "draw", "total"]
    assert lines[-1][1] == "101 ms"
    assert formatting.stages({}) == []


def test_counts():
    assert formatting.count(1, "tile") == "1 tile"
    assert formatting.count(1521, "tile") == "1,521 tiles"
