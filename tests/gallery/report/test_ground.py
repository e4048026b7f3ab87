"""What the ground said of a query goes into a report and comes back, and tells which part erred."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gallery.geo import Bounds, LonLat, distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground, open_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.registration.registrar import Registrar, Registration, Stated
from gallery.report import export
from gallery.report.filters import Filter, TableView, choices, from_query, select, to_query
from gallery.report.ground import HEAT_PX, OUTCOMES, ground_counts, ground_facts, heat_of, outcome
from gallery.report.report import QueryRow, read_report, row_of, write_report
from gallery.report.table import inspection_of
from gallery.search.answer import Answer
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.ground_views import terrain, view

HEIGHT_M = 0.5 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM
NAN = math.nan


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Registration:
    grey = terrain(500, 7)
    gallery = build_region(tmp_path_factory.mktemp("report_ground"), FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    ground = open_ground(gallery)
    assert ground is not None
    picture = view(GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0), (230.0, -260.0), 40, 0.5, (340, 260))
    registrar = Registrar(ground, lambda point: gallery.tile(0))
    registration = registrar.register(Image.fromarray(picture).convert("RGB"), Stated(40, -90, HEIGHT_M, 24))
    assert registration is not None and registration.located
    return registration


def test_the_rank_of_the_truth_is_that_among_the_places_laid_down(found):
    facts = ground_facts(found, found.point)
    assert facts.rank == 1 and facts.places == len(found.placement.candidates) > 1 and facts.located
    assert facts.probability == found.probability and 0 <= facts.absent <= 1
    second = found.placement.candidates[1]
    there = found.canvas.lonlat(second.east_m, second.north_m)
    assert ground_facts(found, there).rank == 2
    assert ground_facts(found, moved(found.point, 90_000, 0)).rank is None and ground_facts(found, None).rank is None


@pytest.mark.parametrize(
    ("laid", "rank", "embedding_rank", "named"),
    [
        (False, NAN, 1, "unlaid"),
        (True, 1, 1, "agree"),
        (True, 1, 7, "rescued"),
        (True, 1, NAN, "rescued"),
        (True, NAN, 1, "retrieval"),
        (True, 3, 1, "geometry"),
    ],
)
def test_retrieval_and_geometry_errors_are_told_apart(laid, rank, embedding_rank, named):
    assert outcome(laid, rank, embedding_rank) == named and named in OUTCOMES


def test_the_kept_picture_has_its_peak_at_the_place(found):
    facts = ground_facts(found, None)
    west, south, east, north = facts.box
    heat = heat_of(facts.heat, Bounds(*facts.box))
    row, column = np.unravel_index(int(heat.probability.argmax()), heat.probability.shape)
    height, width = heat.probability.shape
    assert max(height, width) == HEAT_PX and heat.probability.max() == 1
    lon = west + (column + 0.5) / width * (east - west)
    lat = north - (row + 0.5) / height * (north - south)
    assert distance_m(LonLat(lon, lat), found.point) < 8


@pytest.mark.parametrize("size", [(3 * HEAT_PX, 4), None])
def test_a_picture_of_somebody_else_is_none(size):
    stream = io.BytesIO(b"no picture")
    if size is not None:
        Image.new("L", size).save(stream, "PNG")
    assert heat_of(stream.getvalue(), Bounds(0, 0, 1, 1)) is None


def test_a_report_keeps_it_and_one_without_it_stays_readable(found, tmp_path):
    truth = found.point
    laid = row_of(Answer("a.jpg", (), ground=found), "laid", "a.jpg", truth, embedding_rank=4)
    bare = QueryRow("bare", "b.jpg", ["t"], [0.5], true_lon=0.0, true_lat=0.0)
    write_report(tmp_path / "now.parquet", [laid, bare], {})
    report = read_report(tmp_path / "now.parquet")
    heat = report.heat("laid")
    assert heat is not None and heat.box.contains(truth) and report.heat("bare") is None
    table = inspection_of(report).table
    assert table["on_ground"].tolist() == ["rescued", "unlaid"] and table["embedding_rank"].iloc[0] == 4
    assert ground_counts(table) == {**dict.fromkeys(OUTCOMES, 0), "rescued": 1, "unlaid": 1}
    assert "rescued" in export.render(table, "csv")
    write_report(tmp_path / "old.parquet", [bare], {})
    old = pd.read_parquet(tmp_path / "old.parquet")
    assert read_report(tmp_path / "old.parquet").heat("bare") is None and "heat" not in old
    assert inspection_of(read_report(tmp_path / "old.parquet")).table["on_ground"].isna().all()


def test_outcomes_are_a_filter_and_stand_in_a_link(found, tmp_path):
    rows = [row_of(Answer("a.jpg", (), ground=found), f"q{n}", "a.jpg", found.point, embedding_rank=n) for n in (1, 2)]
    write_report(tmp_path / "now.parquet", rows, {})
    table = inspection_of(read_report(tmp_path / "now.parquet")).table
    view = TableView(Filter(grounds=("rescued",)))
    assert select(table, view.filter).index.tolist() == ["q2"] and from_query(to_query(view)) == (view, ())
    assert choices(table).grounds == ("agree", "rescued")
    _, notes = from_query("ground=nonsense")
    assert "unknown ground" in notes[0]
