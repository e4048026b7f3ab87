"""Confused places and the lines of the errors."""

from collections import Counter

import numpy as np
import pytest

from gallery.geo import LonLat, distance_m
from gallery.report.confusions import confused_pairs, error_lines
from gallery.report.table import open_inspection
from tests.helpers.report_files import made_report


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return open_inspection(made_report(tmp_path_factory.mktemp("places") / "r.parquet", 900)).table


def test_confused_pairs_are_counted(table):
    expected = Counter((row.place, row.answered_place) for row in table.itertuples() if not row.right)
    pairs = confused_pairs(table, most=10_000)
    assert {(row[0], row[1]): row[2] for row in pairs.itertuples(index=False)} == expected
    first = pairs.iloc[0]
    assert {first["true_place"], first["answered_place"]} == {"place 000_000", "place 006_006"}
    assert first["share"] == first["count"] / (table["place"] == first["true_place"]).sum()
    assert pairs["count"].is_monotonic_decreasing and len(confused_pairs(table, 3)) == 3


def test_a_place_is_not_confused_with_itself(table):
    assert len(confused_pairs(table.assign(answered_place=table["place"]))) == 0
    assert len(confused_pairs(table.assign(place=None))) == 0


def test_error_lines_run_from_the_truth_to_the_answer(table):
    unknown = table.index[~table["right"]][0]
    table = table.copy()
    table.loc[unknown, "true_lon"] = np.nan
    lines = error_lines(table)
    assert set(lines.index) == set(table.index[~table["right"]]) - {unknown}
    for row in lines.head(20).itertuples():
        metres = distance_m(LonLat(row.true_lon, row.true_lat), LonLat(row.lon, row.lat))
        assert row.error_m == pytest.approx(metres, abs=0.1)
    assert lines["error_m"].is_monotonic_decreasing
