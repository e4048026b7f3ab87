"""Two reports about the same queries."""

import pytest
from scipy.stats import binom

from gallery.report.comparison import compare, mcnemar
from gallery.report.filters import Filter, select, sorted_rows
from gallery.report.report import read_report, write_report
from gallery.report.summary import figures
from gallery.report.table import inspection_of, open_inspection
from tests.helpers.report_files import made_report, made_rows


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return [
        open_inspection(made_report(folder / f"{name}.parquet", 250, seed, noise=noise))
        for name, seed, noise in (("before", 0, 1.1), ("after", 1, 0.9))
    ]


def test_changes_are_counted_by_query(two):
    before, after = two
    found = compare(before, after)
    words = {(False, True): "fixed", (True, False): "broken", (False, False): "both wrong", (True, True): "both right"}
    for query_id, row in found.table.iterrows():
        was, now = before.table.loc[query_id], after.table.loc[query_id]
        assert row["change"] == words[bool(was["right"]), bool(now["right"])]
        assert row["rank_change"] == now["rank"] - was["rank"] and row["rank_before"] == was["rank"]
        assert row["margin_change"] == pytest.approx(now["margin"] - was["margin"])
    assert sum(found.counts.values()) == 250 and found.only_before == found.only_after == ()
    difference = found.counts["fixed"] - found.counts["broken"]
    assert found.after.recall[1].value - found.before.recall[1].value == pytest.approx(100 * difference / 250)
    assert list(select(found.table, Filter(changes=("fixed",)))["change"].unique()) == ["fixed"]
    assert sorted_rows(found.table, "rank_change", descending=True)["rank_change"].iloc[0] > 0
    assert found.notes == () and "250 shared queries" in found.sentence


def test_the_other_way_round_fixes_what_was_broken(two):
    there, back = compare(*two), compare(*two[::-1])
    assert there.counts["fixed"] == back.counts["broken"] and there.counts["both wrong"] == back.counts["both wrong"]
    assert there.p_value == back.p_value and there.before == back.after


def test_a_report_and_itself(two):
    found = compare(two[0], two[0])
    assert found.counts["fixed"] == found.counts["broken"] == 0 and found.p_value == 1
    assert "could be chance" in found.sentence and (found.table["rank_change"] == 0).all()


def test_queries_of_one_report_only_are_named(two, tmp_path):
    rows = made_rows(300)
    write_report(tmp_path / "more.parquet", rows[100:][::-1], {"protocol": "full"})
    more = inspection_of(read_report(tmp_path / "more.parquet"))
    found = compare(two[0], more)
    assert len(found.only_before) == 100 and len(found.only_after) == 50 and len(found.table) == 150
    assert list(found.table.index) == [row.id for row in rows[100:250]][::-1]
    assert found.before == figures(two[0].table.loc[found.table.index])
    assert found.notes[0] == "Only before has 100 of its 250 queries: q00000, q00001, q00002 and 97 more."
    assert "Only more has 50 of its 200 queries" in found.notes[1] and "different protocols" in found.notes[-1]


def test_reports_of_other_photos_share_nothing(two, tmp_path):
    write_report(tmp_path / "none.parquet", [], {"protocol": "paper"})
    found = compare(two[0], inspection_of(read_report(tmp_path / "none.parquet")))
    assert found.before is None and found.p_value == 1 and "share no query" in found.notes[-1]


def test_photos_of_one_name_with_another_truth_are_said(two, tmp_path):
    rows = made_rows(250)
    moved = [rows[0].__class__(**{**vars(rows[0]), "true_lon": 11.0}), *rows[1:]]
    write_report(tmp_path / "moved.parquet", moved, {"protocol": "paper"})
    found = compare(two[0], inspection_of(read_report(tmp_path / "moved.parquet")))
    assert found.notes == ("1 queries have another true position in each report: are they the same photos?",)


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (5, 0), (9, 2), (40, 38)])
def test_mcnemar_is_the_binomial_of_the_changed(fixed, broken):
    fewer, changed = min(fixed, broken), fixed + broken
    assert mcnemar(fixed, broken) == pytest.approx(min(1, 2 * binom.cdf(fewer, changed, 0.5)))
