"""Charts: what is drawn adds up, and texts stay texts."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.common import charts

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg, kind):
    """Heights of the bars of a kind, without the legend's."""
    rects = ElementTree.fromstring(svg).iter(f"{SVG}rect")
    return [float(rect.get("height")) for rect in rects if rect.get("class") == kind]


def test_bars_are_as_high_as_their_counts():
    series = [charts.Series("right", "right", [1, 0, 4]), charts.Series("wrong", "wrong", [1, 2, 0])]
    svg = charts.histogram(series, [0, 1, 2, 3], "x", "t")
    assert bars(svg, "right") == pytest.approx([heights := bars(svg, "right")[0], 4 * heights], abs=0.2)
    assert len(bars(svg, "wrong")) == 2, "an empty bin has no bar"


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_ticks_are_round_and_inside(low, wide):
    found = charts.ticks(low, low + wide)
    assert all(low - wide * 1e-6 <= tick <= low + wide * (1 + 1e-6) for tick in found)
    assert 1 <= len(found) <= 12


def test_texts_are_escaped_and_a_chart_stands_alone():
    hostile = "<script>hit()</script>"
    svg = charts.overlay([charts.Series(hostile, "one", [1, 2])], [0, 1, 2], hostile, hostile)
    alone = charts.standing_alone(svg)
    assert "<script" not in alone
    assert ElementTree.fromstring(alone).find(f"{SVG}style") is not None
    assert re.search(r'width="\d+" height="\d+"><style>', alone)


def test_reliability_of_one_bin_is_drawn():
    svg = charts.reliability([charts.Share(0.7, 0.5, 0.2, 0.8, 10)], "score", "t")
    assert len(list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))) == 1
