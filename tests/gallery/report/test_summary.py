"""Figures of all queries: counted by hand, slices that add up, histograms, distances, reliability."""

import numpy as np
import pandas as pd
import pytest

from gallery.report.report import read_report
from gallery.report.summary import (  # fmt: skip
    BANDS_M,
    COSINE_NOTE,
    by_slice,
    class_distances,
    figures,
    margin_histogram,
    reliability,
)
from gallery.report.table import inspection_of, open_inspection
from gallery.report.tiles import read_tiles
from tests.helpers.report_files import made_report


@pytest.fixture(scope="module")
def inspection(tmp_path_factory):
    return open_inspection(made_report(tmp_path_factory.mktemp("whole") / "r.parquet", 300))


def test_figures_are_counted(inspection):
    table = inspection.table
    found = figures(table)
    for k, estimate in found.recall.items():
        assert estimate.value == pytest.approx(100 * np.mean([rank <= k for rank in table["rank"]]))
        assert estimate.low < estimate.value < estimate.high or estimate.value == 100
    assert found.recall[1].value <= found.recall[5].value <= found.recall[10].value
    assert found.ap.value == pytest.approx(100 * table["ap"].mean()) and found.count == 300
    assert found.median_m.value == np.median(table["error_m"])
    assert figures(table[:0]) is None


def test_figures_without_ap_or_metres(inspection):
    table = inspection.table.assign(ap=np.nan, error_m=np.nan)
    assert figures(table).ap is None and figures(table).median_m is None


def test_queries_that_were_not_ranked_are_misses(inspection):
    assert figures(inspection.table.assign(rank=np.nan)).recall[10].value == 0


@pytest.mark.parametrize("key", ["condition", "place"])
def test_slices_hold_the_figures_of_their_rows(inspection, key):
    table = inspection.table
    slices = by_slice(table, key)
    assert slices["count"].sum() == table[key].notna().sum() and slices["r1"].is_monotonic_increasing
    for row in slices.itertuples():
        own = figures(table[table[key] == row.slice])
        assert (row.r1, row.r1_low, row.ap_high) == (own.recall[1].value, own.recall[1].low, own.ap.high)


def test_few_altitudes_stand_alone_and_many_in_bands(inspection):
    slices = by_slice(inspection.table, "altitude")
    assert list(slices["slice"]) == ["60 m", "100 m", "150 m", "240 m"]
    spread = inspection.table.assign(altitude_m=np.linspace(10, 1200, 300))
    bands = by_slice(spread, "altitude")
    assert list(bands["slice"])[::6] == ["below 50 m", "500 to 1000 m"] and bands["count"].sum() == 300
    middle = bands.set_index("slice").loc["120 to 180 m", "count"]
    assert middle == ((spread["altitude_m"] >= 120) & (spread["altitude_m"] < 180)).sum() and len(bands) == len(BANDS_M)


def test_no_slice_where_nothing_is_known(inspection):
    slices = by_slice(inspection.table.assign(condition=None), "condition")
    assert len(slices) == 0 and "median_m_high" in slices


def test_margins_are_split_into_right_and_wrong(inspection):
    table = inspection.table
    found = margin_histogram(table, bins=15)
    assert found.right.sum() == table["right"].sum() and found.wrong.sum() == (~table["right"]).sum()
    assert 0 in found.edges.round(12) and (np.diff(found.edges) > 0).all()
    below = found.edges[1:] <= 1e-9
    assert found.right[below].sum() == 0 and found.wrong[~below].sum() == 0
    assert margin_histogram(table.assign(margin=np.nan)) is None
    same = margin_histogram(table.assign(margin=0.0))
    assert same.right.sum() + same.wrong.sum() == 300


def test_distances_inside_and_between_places(inspection):
    found = class_distances(inspection)
    vectors = inspection.report.vectors().astype(np.float32)
    tiles = inspection.tiles
    cosines = vectors @ tiles.vectors.astype(np.float32).T
    same = inspection.table["place"].to_numpy()[:, None] == tiles.places[None, :]
    assert found.intra_mean == pytest.approx(1 - cosines[same].mean(), abs=1e-4)
    assert found.inter_mean == pytest.approx(1 - cosines[~same].mean(), abs=1e-4)


def test_no_distances_without_embeddings(inspection, tmp_path):
    file = made_report(tmp_path / "r.parquet", 5)
    assert class_distances(inspection_of(read_report(file))) is None
    tiles = read_tiles(read_report(file))
    assert class_distances(inspection_of(read_report(file), tiles)) is not None


def test_a_score_is_no_probability(inspection):
    found = reliability(inspection.table)
    assert (found.of, found.expected_error, found.sentence) == ("score", None, COSINE_NOTE)
    bins = found.bins
    assert (
        bins["count"].sum() == 300 and bins["count"].max() <= 31 and (bins["low"][1:].values >= bins["high"][:-1]).all()
    )
    own = inspection.table[inspection.table["score"].between(bins["low"][0], bins["high"][0])]
    assert bins["right"][0] == pytest.approx(own["right"].mean())
    assert ((bins["right_low"] <= bins["right"] + 1e-4) & (bins["right"] <= bins["right_high"] + 1e-4)).all()


def test_an_honest_confidence_has_no_error_and_a_bold_one_has():
    random = np.random.default_rng(0)
    confidence = random.uniform(0, 1, 20_000)
    right = random.uniform(0, 1, 20_000) < confidence
    table = pd.DataFrame({"confidence": confidence, "score": 0.5, "right": False, "place_right": right})
    honest = reliability(table)
    assert honest.of == "confidence" and honest.expected_error < 0.02
    assert reliability(table.assign(confidence=1.0)).expected_error == pytest.approx(1 - right.mean(), abs=1e-9)


def test_no_reliability_without_a_score(inspection):
    assert reliability(inspection.table.assign(score=np.nan)) is None
    assert len(reliability(inspection.table.assign(score=0.5)).bins) == 1
