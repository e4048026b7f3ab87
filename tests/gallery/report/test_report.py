"""Reports: written, read and judged by the truth."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.errors import GalleryError
from gallery.geo import LonLat, Position, destination, distance_m, rectangle
from gallery.report.report import (
    REQUIRED,
    ROW_GROUP,
    SCHEMA,
    QueryRow,
    TrueTile,
    read_report,
    row_of,
    write_report,
)
from gallery.search.answer import Answer
from gallery.tiles import Match, Tile
from tests.helpers.report_files import made_rows


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
    answer = Answer("a.jpg", ANSWER.matches, Position(near.lon, near.lat, 50), Position(near.lon, near.lat, 50))
    assert row_of(answer, "q1", "a.jpg", truth).error_m == pytest.approx(12, abs=1e-3)


def test_the_standing_in_the_whole_ranking_counts_before_the_shown_tiles():
    truth = LonLat(12.0, 50)
    best = Tile("t40", truth, rectangle(truth, 100, 100), 0.5, "r.tif")
    row = row_of(ANSWER, "q1", "a.jpg", truth, true_tile=TrueTile(best, 40, -0.3, 0.02))
    assert (row.truth_rank, row.true_tile_id, row.margin, row.ap, row.covered) == (40, "t40", -0.3, 0.02, True)
    assert row.tile_true == [False] * 3 and row.tile_overlap == [0, 0, 0]
    nowhere = row_of(ANSWER, "q1", "a.jpg", truth, true_tile=TrueTile(None, None, None, 0.0))
    assert nowhere.covered is False and nowhere.tile_overlap is None


def test_tiles_of_a_row_know_their_overlap_and_metres():
    row = row_of(ANSWER, "q1", "a.jpg", LonLat(11.0, 50))
    assert row.tile_true == [False, True, True] and row.covered is None
    metres = distance_m(LonLat(11.0, 50), LonLat(11.0005, 50))
    assert row.tile_overlap == pytest.approx([0, 1, (100 - metres) / (100 + metres)], abs=1e-4)
    assert row.tile_m[1:] == pytest.approx([0, metres])


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


def test_optional_columns_go_there_and_back(tmp_path):
    rows = made_rows(5)
    write_report(tmp_path / "r.parquet", rows, {})
    report = read_report(tmp_path / "r.parquet")
    row = report.row("q00003")
    assert list(row["tile_true"]) == rows[3].tile_true and list(row["tile_places"]) == rows[3].tile_places
    assert row["tile_m"] == pytest.approx(rows[3].tile_m) and row["sharpness"] == rows[3].sharpness
    assert report.thumbnail("q00001") == b"not a picture" and report.thumbnail("q00002") is None
    np.testing.assert_array_equal(report.vectors(), [each.vector for each in rows])
    assert report.name == "r" and not {"vector", "thumbnail"} & set(report.rows)


def test_thumbnails_are_found_in_every_group(tmp_path):
    rows = [QueryRow(f"q{n}", "", [], [], thumbnail=str(n).encode()) for n in range(2 * ROW_GROUP + 3)]
    write_report(tmp_path / "r.parquet", rows, {})
    report = read_report(tmp_path / "r.parquet")
    for n in (0, ROW_GROUP - 1, ROW_GROUP, 2 * ROW_GROUP + 2):
        assert report.thumbnail(f"q{n}") == str(n).encode()


def test_an_older_report_lacks_the_optional_columns(tmp_path):
    write_report(tmp_path / "r.parquet", made_rows(3), {})
    table = pq.read_table(tmp_path / "r.parquet")
    pq.write_table(table.select(REQUIRED.names), tmp_path / "old.parquet")
    report = read_report(tmp_path / "old.parquet")
    assert list(report.rows) == SCHEMA.names and report.rows["tile_true"].isna().all()
    assert report.vectors() is None and report.thumbnail("q00000") is None


def test_a_query_that_is_not_there(tmp_path):
    write_report(tmp_path / "r.parquet", made_rows(3), {})
    with pytest.raises(GalleryError, match="no query of that name"):
        read_report(tmp_path / "r.parquet").row("q9")


def test_vectors_of_some_queries_only_are_refused(tmp_path):
    rows = made_rows(3)
    with pytest.raises(GalleryError, match="Either all"):
        write_report(tmp_path / "r.parquet", [rows[0], replace(rows[1], vector=None)], {})


def damaged(table: pa.Table, how: str) -> pa.Table:
    match how:
        case "twice":
            return pa.concat_tables([table, table])
        case "lengths":
            return table.set_column(3, "scores", pa.array([[0.5]] * len(table), pa.list_(pa.float32())))
        case "types":
            return table.set_column(0, "id", pa.array([[1]] * len(table)))
        case "nulls":
            return table.set_column(0, "id", pa.array([None] * len(table), pa.string()))
        case "numbers":
            return table.set_column(9, "altitude_m", pa.array(["high"] * len(table)))
        case "summary":
            return table.replace_schema_metadata({**table.schema.metadata, b"report_summary": b"[1"})
        case "no summary":
            return table.replace_schema_metadata({b"report_format": b"1"})
    raise AssertionError(how)


@pytest.mark.parametrize("how", ["twice", "lengths", "types", "nulls", "numbers", "summary", "no summary"])
def test_a_damaged_report_is_a_sentence(tmp_path, how):
    write_report(tmp_path / "r.parquet", made_rows(3), {})
    pq.write_table(damaged(pq.read_table(tmp_path / "r.parquet"), how), tmp_path / "bad.parquet")
    with pytest.raises(GalleryError) as caught:
        read_report(tmp_path / "bad.parquet")
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_damaged_vectors_are_a_sentence(tmp_path):
    write_report(tmp_path / "r.parquet", made_rows(3), {})
    table = pq.read_table(tmp_path / "r.parquet")
    column = table.column_names.index("vector")
    pq.write_table(table.set_column(column, "vector", pa.array([[1.0], [2.0], [3.0]])), tmp_path / "bad.parquet")
    with pytest.raises(GalleryError, match="embeddings are damaged"):
        read_report(tmp_path / "bad.parquet").vectors()


@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=4))
@settings(max_examples=60)
def test_cut_or_disturbed_files_are_read_or_refused(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("flips")
    write_report(folder / "r.parquet", made_rows(2), {})
    content = bytearray((folder / "r.parquet").read_bytes())
    if flips:
        for where, change in flips:
            content[int(where * len(content))] ^= change
    else:
        content = content[: int(cut * len(content))]
    (folder / "r.parquet").write_bytes(content)
    try:
        report = read_report(folder / "r.parquet")
        report.vectors()
        report.thumbnail(report.rows["id"].iloc[0])
    except GalleryError as error:
        assert "\n" not in str(error)
