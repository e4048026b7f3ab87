"""A report as one flat table, and the strip of a query."""

from dataclasses import replace

import numpy as np
import pytest

from gallery.errors import GalleryError
from gallery.geo import LonLat, moved
from gallery.report.report import QueryRow, read_report, write_report
from gallery.report.table import inspection_of, open_inspection, strip
from tests.helpers import ROOT
from tests.helpers.report_files import made_report, made_rows

ORIGIN = LonLat(10, 50)


def looked_into(folder, rows, summary=None):
    write_report(folder / "r.parquet", rows, summary or {})
    return inspection_of(read_report(folder / "r.parquet"))


def test_the_table_says_what_the_rows_say(tmp_path):
    inspection = open_inspection(made_report(tmp_path / "r.parquet", 40))
    table = inspection.table
    for row in made_rows(40):
        found = table.loc[row.id]
        assert (found["rank"], found["place"]) == (row.truth_rank, row.place)
        assert found["right"] == (row.tile_ids[0] == row.true_tile_id) == (found["rank"] == 1)
        assert (found["top_tile"], found["answered_place"]) == (row.tile_ids[0], row.tile_places[0])
        assert found["error_m"] == pytest.approx(row.tile_m[0], abs=0.1) and found["score"] == row.scores[0]
        known = row.truth_rank <= len(row.scores)
        assert not known or found["true_score"] == pytest.approx(row.scores[row.truth_rank - 1], abs=1e-6)
        assert (found["altitude_m"] == row.altitude_m) or (np.isnan(found["altitude_m"]) and row.altitude_m is None)
    assert table.index.name == "id" and inspection.notes == () and inspection.name == "r"


def test_rows_are_found_by_id_in_any_order(tmp_path):
    rows = made_rows(20)
    there, back = (looked_into(tmp_path, order) for order in (rows, rows[::-1]))
    for row in rows:
        assert strip(there, row.id) == strip(back, row.id)
        assert there.table.loc[row.id].equals(back.table.loc[row.id])


def test_an_old_report_knows_less_but_is_read(tmp_path):
    old = QueryRow("q", "q.jpg", ["a", "b"], [0.9, 0.8], 10, 50, 10.001, 50, true_tile_id="b", truth_rank=2,
                   margin=-0.1, error_m=70.0)  # fmt: skip
    inspection = looked_into(tmp_path, [old])
    row = inspection.table.loc["q"]
    assert (row["error_m"], row["lon"], row["true_score"]) == (70, 10.001, pytest.approx(0.8))
    assert np.isnan(row["top_overlap"]) and not row[[name for name in row.index if name.startswith("flag_")]].any()
    assert [entry.mark for entry in strip(inspection, "q")] == ["wrong", "true"]


def test_a_place_is_right_within_its_radius_or_25_metres(tmp_path):
    first = QueryRow("0", "", ["a"], [0.9], truth_rank=1)
    cases = [(10.0, 5.0, True), (30.0, 5.0, False), (90.0, 100.0, True), (None, 5.0, True), (900.0, None, True)]
    rows = [replace(first, id=str(n), error_m=off_m, radius_m=within) for n, (off_m, within, _) in enumerate(cases)]
    assert looked_into(tmp_path, rows).table["place_right"].tolist() == [right for *_, right in cases]


def test_nothing_at_all_is_known(tmp_path):
    inspection = looked_into(tmp_path, [QueryRow("q", "q.jpg", [], []), QueryRow("p", "", ["t"], [float("nan")])])
    assert not inspection.table["right"].any() and strip(inspection, "q") == ()
    assert strip(inspection, "p")[0].mark == "unknown"
    assert inspection.notes == ("The report knows no truth of 2 of 2 queries; they count as wrong.",)
    assert len(looked_into(tmp_path, []).table) == 0


def test_infinite_numbers_are_unknown_ones(tmp_path):
    inspection = looked_into(tmp_path, [replace(made_rows(1)[0], margin=float("inf"), altitude_m=float("-inf"))])
    assert inspection.table[["margin", "altitude_m"]].isna().all(axis=None)


def test_places_that_are_not_on_the_earth_are_unknown(tmp_path):
    row = made_rows(1)[0]
    for change in ({"true_lon": 181.0}, {"true_lat": 1e300}, {"tile_lons": [-200.0] * 10}):
        found = looked_into(tmp_path, [replace(row, **change)]).table.loc[row.id]
        end = ["lon", "lat"] if "tile_lons" in change else ["true_lon", "true_lat"]
        assert found[end].isna().all() and found[["true_lon", "true_lat", "lon", "lat"]].notna().sum() == 2


def test_squares_stand_for_places_that_nobody_names(tmp_path):
    ends = [(0, 0, 0, 0), (499, 0, 501, 499), (501, 1600, -1, 0)]
    rows = []
    for number, (east, north, answered_east, answered_north) in enumerate(ends):
        truth, answer = moved(ORIGIN, east, north), moved(ORIGIN, answered_east, answered_north)
        rows.append(QueryRow(f"q{number}", "", ["t"], [0.5], truth.lon, truth.lat, answer.lon, answer.lat))
    inspection = looked_into(tmp_path, rows)
    assert inspection.notes == ("The report names no places: squares of 500 m stand for them, A1 in the south-west.",)
    assert list(inspection.table["place"]) == ["A1", "B1", "B4"]  # A begins a metre west of the first
    assert list(inspection.table["answered_place"]) == ["A1", "B1", "A1"]


def test_squares_grow_with_the_ground(tmp_path):
    far = moved(ORIGIN, 40_000, 0)
    rows = [QueryRow(str(n), "", ["t"], [0.5], at.lon, at.lat, at.lon, at.lat) for n, at in enumerate((ORIGIN, far))]
    inspection = looked_into(tmp_path, rows)
    assert "squares of 2,000 m" in inspection.notes[0] and list(inspection.table["place"]) == ["A1", "U1"]


def test_a_report_in_its_gallery_needs_no_other_word():
    sample = ROOT / "gallery" / "sample"
    found = open_inspection(sample / "report.parquet")
    assert found.tiles is not None and found.notes == open_inspection(sample / "report.parquet", sample).notes


def test_without_tiles_a_note_says_what_is_missing(tmp_path):
    write_report(tmp_path / "r.parquet", made_rows(3), {})
    assert open_inspection(tmp_path / "r.parquet").notes == (
        "Tiles that look alike are not known. Name the gallery that was evaluated.",
    )
    sample = ROOT / "gallery" / "sample"
    assert open_inspection(tmp_path / "r.parquet", sample).notes[0].endswith("is not the one that was evaluated.")


def test_the_strip_marks_true_near_and_wrong_tiles(tmp_path):
    row = replace(
        made_rows(1)[0], tile_ids=list("abcd"), scores=[0.9, 0.8, 0.7, 0.6], tile_true=[False, True, False, False],
        tile_m=[40.0, 0, 300, float("nan")], tile_overlap=[0.33, 1, 0, float("nan")], tile_lons=[1.0] * 4,
        tile_lats=[2.0] * 4, tile_places=["w", "x", "y", None],
    )  # fmt: skip
    inspection = looked_into(tmp_path, [row])
    found = strip(inspection, row.id)
    assert [entry.mark for entry in found] == ["near", "true", "wrong", "wrong"]
    assert [entry.rank for entry in found] == [1, 2, 3, 4] and found[3].metres is None and found[3].place is None
    assert [entry.mark for entry in strip(inspection, row.id, near_m=300)] == ["near", "true", "near", "wrong"]
    assert len(strip(inspection, row.id, k=2)) == 2
    with pytest.raises(GalleryError, match="no query of that name"):
        strip(inspection, "elsewhere")
