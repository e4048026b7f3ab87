"""Reports: written, read and judged by the truth."""

import math

import pandas as pd
import pytest

from gallery.errors import GalleryError
from gallery.geo import LonLat, destination, rectangle
from gallery.report import SCHEMA, QueryRow, read_report, row_of, write_report
from gallery.search import Answer, Position
from gallery.tiles import Match, Tile


def match(rank: int, lon: float, score: float) -> Match:
    centre = LonLat(lon, 50)
    return Match(rank, Tile(f"t{rank}", centre, rectangle(centre, 100, 100), 0.5, "r.tif"), score)


ANSWER = Answer("a.jpg", (match(1, 10.0, 0.9), match(2, 11.0, 0.8), match(3, 11.0005, 0.7)))


def test_a_row_knows_the_rank_of_the_truth():
    row = row_of(ANSWER, "q1", "a.jpg", LonLat(11.0, 50), altitude_m=120, condition="fog")
    assert row.truth_rank == 2 and row.true_tile_id == "t2" and row.tile_ids == ["t1", "t2", "t3"]
    assert row.margin == pytest.approx(0.8 - 0.9)
    assert row.error_m == pytest.approx(71_697, rel=1e-3)  # from the best tile's centre, one degree away


def test_a_position_counts_before_the_best_tile():
    truth = LonLat(11.0, 50)
    near = destination(truth, 90, 12.0)
    answer = Answer("a.jpg", ANSWER.matches, Position(near.lon, near.lat, 50))
    assert row_of(answer, "q1", "a.jpg", truth).error_m == pytest.approx(12, abs=1e-3)


def test_rows_without_truth_or_matches():
    assert row_of(ANSWER, "q", "a.jpg").truth_rank is None and row_of(ANSWER, "q", "a.jpg").error_m is None
    row = row_of(Answer("a.jpg", ()), "q", "a.jpg", LonLat(1, 2))
    assert row.tile_ids == [] and row.lon is None and row.margin is None


def test_there_and_back(tmp_path):
    rows = [row_of(ANSWER, "q1", "a.jpg", LonLat(11.0, 50), condition="fog"), QueryRow("q2", "b.jpg", [], [])]
    write_report(tmp_path / "r.parquet", rows, {"recall": {"1": 50.0}, "protocol": "full"})
    report = read_report(tmp_path / "r.parquet")
    assert report.summary == {"recall": {"1": 50.0}, "protocol": "full"}
    assert list(report.rows) == SCHEMA.names and len(report.rows) == 2
    first = report.rows.iloc[0]
    assert list(first["tile_ids"]) == ["t1", "t2", "t3"] and first["scores"] == pytest.approx([0.9, 0.8, 0.7])
    assert first["truth_rank"] == 2 and math.isnan(report.rows["truth_rank"][1])
    assert [path.name for path in tmp_path.iterdir()] == ["r.parquet"]


def test_an_empty_report(tmp_path):
    write_report(tmp_path / "r.parquet", [], {})
    assert len(read_report(tmp_path / "r.parquet").rows) == 0


def test_what_is_no_report(tmp_path):
    with pytest.raises(GalleryError, match="no report r"):
        read_report(tmp_path / "r.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(GalleryError, match="Parquet"):
        read_report(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(GalleryError, match="no report of format"):
        read_report(tmp_path / "other.parquet")
