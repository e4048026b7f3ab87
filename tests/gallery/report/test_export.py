"""Queries as CSV, GeoJSON and KML."""

import csv
import io
import json
from dataclasses import replace

import geopandas
import pandas as pd
import pytest
from shapely.geometry import shape

from gallery.report.comparison import compare
from gallery.report.export import COLUMNS, render
from gallery.report.filters import Filter, select
from gallery.report.report import QueryRow, read_report, write_report
from gallery.report.table import inspection_of, open_inspection
from tests.helpers.report_files import made_report, made_rows

HOSTILE = "=cmd|' /C calc'!A0`${alert(1)}<script>\x00\u202e"


@pytest.fixture(scope="module")
def inspection(tmp_path_factory):
    return open_inspection(made_report(tmp_path_factory.mktemp("away") / "r.parquet", 60))


def of(folder, rows):
    write_report(folder / "r.parquet", rows, {})
    return inspection_of(read_report(folder / "r.parquet")).table


def test_csv_holds_the_rows_in_their_order(inspection):
    chosen = select(inspection.table, Filter(wrong=True))[::-1]
    found = pd.read_csv(io.StringIO(render(chosen, "csv")))
    assert list(found) == list(COLUMNS) and list(found["id"]) == list(chosen.index)
    assert found["margin"].to_numpy() == pytest.approx(chosen["margin"].to_numpy())
    assert not found["right"].any() and len(render(chosen[:0], "csv").splitlines()) == 1


def test_geojson_lines_run_from_the_truth_to_the_answer(inspection):
    document = json.loads(render(inspection.table, "geojson"))
    assert document["type"] == "FeatureCollection" and len(document["features"]) == 60
    for feature, (query_id, row) in zip(document["features"], inspection.table.iterrows(), strict=True):
        assert feature["properties"]["id"] == query_id
        corners = feature["geometry"]["coordinates"]
        ends = [[row["true_lon"], row["true_lat"]], [row["lon"], row["lat"]]]
        assert corners == (
            pytest.approx(ends[0], abs=1e-7) if row["right"] else [pytest.approx(e, abs=1e-7) for e in ends]
        )


def test_kml_can_be_read_again(inspection, tmp_path):
    (tmp_path / "r.kml").write_text(render(inspection.table, "kml"))
    found = geopandas.read_file(tmp_path / "r.kml")
    assert len(found) == 60 and found["Name"][0].startswith("q00000: ")


def test_a_comparison_takes_its_changes_along(inspection):
    text = render(compare(inspection, inspection).table, "csv")
    assert all(line["change"] in ("both right", "both wrong") for line in csv.DictReader(io.StringIO(text)))


def test_text_cannot_become_a_formula_or_break_a_file(tmp_path):
    table = of(tmp_path, [replace(made_rows(1)[0], id=HOSTILE, place=HOSTILE, condition=None)])
    (line,) = csv.DictReader(io.StringIO(render(table, "csv")))
    assert line["id"].startswith("'=") and "\x00" not in line["id"] and line["condition"] == ""
    (feature,) = json.loads(render(table, "geojson"))["features"]
    assert "<script>" in feature["properties"]["place"] and feature["properties"]["condition"] is None
    (tmp_path / "r.kml").write_text(render(table, "kml"))
    assert geopandas.read_file(tmp_path / "r.kml")["Name"][0].startswith("=cmd")


def test_queries_without_a_place_stay_in_csv_and_geojson(tmp_path):
    table = of(tmp_path, [QueryRow("q", "", [], []), QueryRow("p", "", [], [], true_lon=1.0, true_lat=2.0)])
    features = json.loads(render(table, "geojson"))["features"]
    assert features[0]["geometry"] is None and features[1]["geometry"]["type"] == "Point"
    assert render(table, "kml").count("<Placemark") == 1 and len(render(table, "csv").splitlines()) == 3


@pytest.mark.parametrize(("lon", "answered"), [(179.9, -179.9), (-179.9, 179.9), (180.0, -179.5), (-180.0, 179.0)])
def test_lines_over_the_180th_meridian_are_cut_there(tmp_path, lon, answered):
    table = of(tmp_path, [QueryRow("q", "", ["t"], [0.5], lon, 10.0, answered, 12.0)])
    (feature,) = json.loads(render(table, "geojson"))["features"]
    line = shape(feature["geometry"])
    west, _, east, _ = line.bounds
    assert west >= -180 and east <= 180
    assert line.length == pytest.approx(((360 - abs(lon - answered)) ** 2 + 4) ** 0.5, rel=1e-6)
