"""python -m gallery inspect: figures, causes and the worst queries as text and JSON; mistakes as one line."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from gallery.__main__ import main
from gallery.cli.inspect import SORT_KEYS
from gallery.report.filters import SORTS
from gallery.report.report import QueryRow, write_report
from gallery.report.table import open_inspection
from tests.helpers.report_files import made_report, made_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    made_report(folder / "old.parquet", 200, noise=1.3)
    made_report(folder / "new.parquet", 200, seed=1)
    return folder


def say(capsys, *arguments):
    assert main(["inspect", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_summary_and_the_worst_errors(folder, capsys):
    words = say(capsys, folder / "new.parquet", "--wrong", "-n", 3)
    table = open_inspection(folder / "new.parquet").table
    lowest = table[~table["right"]].sort_values("margin").index[:3]
    assert words.startswith("new: 200 queries, R@1 ") and "errors are ambiguous tiles" in words
    assert [line.split()[0] for line in words.splitlines()[-3:]] == list(lowest)
    assert "By condition:" in words and "By altitude:" in words and "Most confused: " in words


@pytest.mark.parametrize("sort", ["margin", "metres", "rank", "score"])
def test_the_worst_come_first(folder, capsys, sort):
    found = json.loads(say(capsys, folder / "new.parquet", "--sort", sort, "-n", 500, "--json"))
    values = [query[SORTS[sort]] for query in found["queries"]]
    assert len(values) == 200 and values == sorted(values, reverse=sort in ("metres", "rank"))


def test_json_says_the_same(folder, capsys):
    found = json.loads(say(capsys, folder / "new.parquet", "--against", folder / "old.parquet", "-n", 2, "--json"))
    table = open_inspection(folder / "new.parquet").table
    assert found["figures"]["recall"]["1"]["value"] == pytest.approx(100 * table["right"].mean())
    assert found["causes"]["errors"] == (~table["right"]).sum() and len(found["queries"]) == 2
    assert sum(found["comparison"]["counts"].values()) == 200 and found["queries"][0]["change"]
    assert {row["slice"] for row in found["slices"]["condition"]} == {"normal", "fog"}


def test_two_reports_side_by_side(folder, capsys):
    words = say(capsys, folder / "new.parquet", "--against", folder / "old.parquet", "--sort", "rank_change")
    assert "200 shared queries: " in words and "McNemar" in words and "\nbefore: 200" in words and "\nafter: " in words


def test_an_empty_report_and_one_that_knows_nothing(tmp_path, capsys):
    write_report(tmp_path / "empty.parquet", [], {})
    assert say(capsys, tmp_path / "empty.parquet").startswith("empty: no query\n")
    assert json.loads(say(capsys, tmp_path / "empty.parquet", "--json"))["figures"] is None
    write_report(tmp_path / "bare.parquet", [QueryRow("q", "", [], [])], {})
    assert "knows no truth of 1 of 1" in say(capsys, tmp_path / "bare.parquet")


def test_names_cannot_reach_the_terminal_as_commands(tmp_path, capsys):
    rows = [replace(made_rows(1)[0], id="\x1b[2Jq\n", place="\x1b]0;x\x07", truth_rank=2)]
    write_report(tmp_path / "r.parquet", rows, {})
    assert "\x1b" not in say(capsys, tmp_path / "r.parquet")


@pytest.mark.parametrize("arguments", [
    ["nowhere.parquet"], ["text.parquet"], ["foreign.parquet"], ["new.parquet", "--against", "text.parquet"],
    ["new.parquet", "--gallery", "nowhere"], ["new.parquet", "--sort", "margin_change"], ["new.parquet", "-n", "-1"],
    ["new.parquet", "--sort", "beauty"], ["."],
])  # fmt: skip
def test_a_mistake_is_one_line(folder, capsys, arguments, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "text.parquet").write_text("text")
    pd.DataFrame({"a": [1]}).to_parquet(folder / "foreign.parquet")
    try:
        status = main(["inspect", *arguments])
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err


def test_the_offered_orders_exist():
    assert set(SORT_KEYS) <= set(SORTS)
