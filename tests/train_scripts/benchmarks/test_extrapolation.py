"""Costs on paper: the rates that were measured, times the tiles of an area."""

import pytest

from train_scripts.benchmarks.extrapolation import AREAS, Prices, costs, paper

BUILT = {"model": "m", "build_core_s_a_tile": 0.4}
SEARCHED = {
    "tiles": 1000,
    "dimension": 768,
    "bytes_a_tile": {"vectors.npy": 1536.0, "index.faiss": 464.0},
    "own_mb": 1.0,
    "mapped_mb": 3.0,
    "approximate_ms": 2.0,
}
FIGURES = {"build": [BUILT], "search": [SEARCHED, {**SEARCHED, "tiles": 10}]}


def test_a_thousand_square_kilometres_by_hand():
    first = costs(BUILT, SEARCHED, Prices(core_hour=0.5, gb_month=0.1, tile_side_m=100, overlap=0.5))[0]
    assert first.tiles == 400_000  # a tile each 50 m
    assert first.disk_gb == pytest.approx(0.8) and first.month_usd == pytest.approx(0.08)
    assert first.core_hours == pytest.approx(400_000 * 0.4 / 3600) and first.build_usd == first.core_hours / 2
    assert first.memory_gb == pytest.approx(400 * 1 / 1024) and first.search_ms == pytest.approx(800)


def test_costs_grow_with_the_area():
    areas = costs(BUILT, SEARCHED, Prices())
    assert [cost.tiles / areas[0].tiles for cost in areas] == pytest.approx([km2 / 1000 for km2 in AREAS.values()])
    assert [cost.build_usd / areas[0].build_usd for cost in areas] == pytest.approx(
        [km2 / 1000 for km2 in AREAS.values()]
    )


def test_the_table_says_what_is_assumed_and_what_is_measured():
    shown = paper(FIGURES, Prices())
    assert "0.04 USD a core-hour" in shown and "Measured: the build's core-seconds a tile" in shown
    assert "search at 1,000 tiles" in shown and "| 1,000 | 400,000 | 0.8 GB |" in shown
    assert "on a cluster" in shown.splitlines()[-1] and shown.splitlines()[9].endswith(" 800 ms |")
