"""The inspect page without a browser: tables, queries and the whole set as HTML, links, and what is missing."""

import html
import io
import math
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.datastructures import QueryParams

from gallery import Localizer
from gallery.ground.sheets import make_ground
from gallery.report import confusions, filters, flags, summary
from gallery.report.filters import Filter, TableView, select
from gallery.report.report import QueryRow, write_report
from gallery.report.tiles import Tiles, write_tiles
from mean_model import load_model
from pages.errors import SPOKEN, BadQuestion
from pages.inspect import download, error_map, query_view, render
from pages.inspect import summary as inspect_summary
from pages.inspect import table as inspect_table
from pages.inspect.components import make_parts
from pages.inspect.page import Events
from pages.inspect.query_text import QueryText
from pages.inspect.view_state import LENSES, ViewState
from pages.services import heatmaps
from pages.services.engine import Engine
from pages.services.fresh_photo import fresh_pictures
from pages.services.inspection import InspectionService
from pages.services.kept import AnswerStore
from pages.services.locate import LocateService
from pages.services.query_pictures import QueryPictures, RankedTile
from pages.services.question import PhotoQuestion
from tests.helpers.hostile import HOSTILE
from tests.helpers.small_world import ColourEmbedder, imagery, make_small_world, write_small_report
from tests.helpers.tiny_model import save_tiny

NO_TEXT = QueryText("Wrong", (), ())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    gallery, _ = make_small_world(folder)
    engine = Engine(lambda: Localizer(gallery, ColourEmbedder()))
    report = write_small_report(folder / "now.parquet", gallery, HOSTILE)
    return folder, engine, report


@pytest.fixture(scope="module")
def service(world):
    folder, engine, report = world
    made = InspectionService(engine, report, folder / "gallery")
    made.inspection()  # opened before a test asks what it holds, whichever comes first
    return made


def bare(count=4, **known):
    """Rows that know next to nothing."""
    names = [f"q{n}" for n in range(count)]
    return [QueryRow(id=name, image="no.jpg", tile_ids=["a", "b"], scores=[0.5, 0.4], **known) for name in names]


def test_hostile_names_are_escaped_everywhere(service):
    table = service.inspection().table
    name = table.index[0]
    lines = confusions.error_lines(table)
    texts = [
        inspect_table.table(filters.page_of(table, 1, 25), TableView(query=name)),
        render.report_card(service, name, heatmaps.DisplayOptions()),
        inspect_summary.headline(HOSTILE[0], *service.overall(), HOSTILE),
        inspect_summary.slices({"place": summary.by_slice(table, "place")}),
        inspect_summary.confused(confusions.confused_pairs(table)),
    ]
    for text in texts:
        assert "<img src=x" not in text and "<script" not in text
    assert any(html.escape(hostile) in texts[0] for hostile in HOSTILE)
    plan = error_map.error_map(lines, None)
    assert not any(f">{hostile}" in plan for hostile in HOSTILE)


def test_the_table_says_what_is_sorted_and_where_it_stands(service):
    table = service.inspection().table
    text = inspect_table.table(filters.page_of(table, 2, 10), TableView(sort="margin", descending=True))
    assert text.count("<tr data-query=") == 10
    assert 'aria-sort="descending"' in text and text.count('aria-sort="none"') == len(inspect_table.COLUMNS) - 1
    assert "page 2 of 3" in text
    assert "Δ rank" in inspect_table.table(
        filters.page_of(table.assign(rank_change=1, margin_change=0), 1), TableView(), True
    )
    assert "No query" in inspect_table.table(filters.page_of(table.iloc[:0], 1), TableView())


def test_marks_are_told_by_sign_and_by_distance(service):
    table = service.inspection().table
    wrong = table.index[~table["right"] & (table["error_m"] > 100)][0]
    near, far = (service.query_pictures(wrong, heatmaps.DisplayOptions(near_m=metres)) for metres in (1e6, 0.0))
    assert near.strip[0].mark == "near" and far.strip[0].mark == "wrong"
    text = query_view.query_card(near, NO_TEXT)
    assert 'class="near"' in text and "≈" in text
    assert near.truth is not None and near.truth.rank == 0, "not ranked, but the gallery knows what covers the truth"
    assert "not among the ranked" in text


def test_a_twin_of_the_true_tile_is_shown_beside_it(world, tmp_path):
    engine = world[1]
    rows = bare(2, true_tile_id="a", truth_rank=2, place="p", tile_places=["p", "q"], vector=np.ones(8))
    write_report(tmp_path / "twins.parquet", rows, {})
    vectors, unknown = np.array([[1.0] * 8, [1.0] * 7 + [0.9]]), np.full(2, math.nan)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names, tile_places = np.array(["a", "b"], object), np.array(["p", "q"], object)
    write_tiles(tmp_path / "twins.parquet", Tiles(names, vectors, unknown, unknown, tile_places))
    shown = InspectionService(engine, tmp_path / "twins.parquet").query_pictures("q0")
    assert shown.twin is not None and shown.twin.tile_id == "b" and shown.twin.score > 0.98
    assert "Twin of the true tile" in query_view.query_card(shown, NO_TEXT)


def test_a_query_is_shown_with_its_three_pictures(service):
    shown = service.query_pictures(service.inspection().table.index[1])
    assert all(uri.startswith("data:image/jpeg") for uri in (shown.photo, shown.strip[0].uri, shown.truth.uri))
    service.engine.wait()
    seen = service.query_pictures(shown.name, heatmaps.DisplayOptions("seen"))
    assert "64 pixels square" in seen.heat_caption and seen.photo != shown.photo


def test_controls_and_filters_say_the_same(service):
    with gr.Blocks():
        controls = make_parts(service).listing.controls
    values = (True, " a ", ["fog"], [], None, None, None, 2, None, None, None, 10, 20, None, None)
    given = controls.filter(dict(zip(controls.all, values, strict=True)))
    assert given == Filter(wrong=True, text="a", conditions=("fog",), rank=(2, None), error_m=(10, 20))


def test_a_part_of_the_set_becomes_a_filter_and_nonsense_does_not(service):
    view_state = ViewState()

    def part(**data):
        return render.part_of(view_state, service, data)

    assert part(by="condition", slice="fog") == Filter(conditions=("fog",))
    assert part(flag="twin") == Filter(wrong=True, flags=("twin",))
    assert part(flag="beauty") == Filter(wrong=True)
    assert part(change="fixed") == Filter(changes=("fixed",))
    pairs = confusions.confused_pairs(service.inspection().table)
    chosen = part(true=pairs["true_place"][0], answered=pairs["answered_place"][0])
    assert len(filters.select(service.inspection().table, chosen)) == pairs["count"][0]
    assert part(by=["x"], slice=3) == view_state.view.filter


def test_thumbnails_are_given_for_known_names_only(service):
    name = service.inspection().table.index[0]
    assert list(service.thumbnails([name, "nobody", 3, None])) == [name]
    assert service.thumbnails("all") == {} and service.thumbnails(None) == {}


def test_figures_come_in_one_archive(service):
    import io
    import zipfile

    table = service.inspection().table
    archive = zipfile.ZipFile(io.BytesIO(download.figures_file(service, table, table.index[0])))
    assert set(archive.namelist()) == {"margins.svg", "reliability.svg", "distances.svg", "embeddings.png", "query.png"}


@pytest.mark.slow
def test_a_second_report_is_compared_and_nothing_that_it_names_is_opened(service, tmp_path):
    other = write_small_report(tmp_path / "before.parquet", service.gallery, HOSTILE, flipped=2)
    inspection, comparison = service.compared(other)
    assert sum(comparison.counts.values()) == 30 and comparison.counts["fixed"] > 0
    assert service.strip_of(inspection, comparison.table.index[0], 50.0)[0].rank == 1
    (tmp_path / "no.parquet").write_bytes(b"no report")
    with pytest.raises(SPOKEN, match="no readable Parquet file"):
        service.compared(tmp_path / "no.parquet")


def test_a_report_that_knows_nothing_says_what_is_missing(world, tmp_path):
    folder, engine, _ = world
    write_report(tmp_path / "bare.parquet", bare(), {})
    service = InspectionService(engine, tmp_path / "bare.parquet", folder / "gallery")
    inspection = service.inspection()
    assert any("not this report's" in note for note in inspection.notes)
    shown = service.query_pictures("q0")
    card = render.report_card(service, "q0", heatmaps.DisplayOptions())
    assert shown.right is None and "does not know the truth" in card
    assert shown.photo is None and shown.truth is None and "does not say" in shown.truth_missing
    assert card.count("No picture") >= 2
    assert service.cloud("pca") is None and service.distances() is None
    told = render.distribution_charts(service, inspection.table)
    assert [chart is None for _, chart, _ in told] == [True, False, True] and all(text for _, _, text in told)
    assert "no positions" in error_map.caption(0, 4)
    assert "names no altitude" in inspect_summary.slices({})
    assert "Nobody" not in inspect_summary.headline("bare", *service.overall(), inspection.notes)


POOR = {
    "no query": [],
    "no tiles": [QueryRow(id="q", image="i", tile_ids=[], scores=[])],
    "one embedding": bare(8, true_tile_id="b", truth_rank=2, margin=0.0, vector=np.ones(8)),
    "over the 180th meridian": bare(true_lon=179.99, true_lat=2.0, lon=-179.99, lat=2.0, place="p", covered=False),
    "no finite number": bare(true_tile_id="a", truth_rank=1, margin=math.inf, error_m=math.nan),
}


@pytest.mark.parametrize("rows", POOR.values(), ids=POOR)
def test_every_part_of_the_page_bears_a_poor_report(world, tmp_path, rows):
    folder, engine, _ = world
    write_report(tmp_path / "poor.parquet", rows, {})
    with gr.Blocks():
        parts = make_parts(InspectionService(engine, tmp_path / "poor.parquet", folder / "gallery"))
        events = Events(InspectionService(engine, tmp_path / "poor.parquet", folder / "gallery"), parts, AnswerStore())
    first, second = events.opening(SimpleNamespace(query_params=QueryParams("wrong=0")))
    lenses, hidden = parts.lenses, parts.hidden
    assert parts.head.headline in first and lenses.slices in second
    given = {
        hidden.view_state: first[hidden.view_state],
        lenses.cloud.method: "tsne",
        lenses.cloud.colour: "place",
        lenses.compare.upload: str(tmp_path / "poor.parquet"),
        parts.query.look: "pictures",
        parts.query.against: "first",
        parts.query.near_m: None,
    }
    for tab in LENSES:
        assert hidden.view_state in events.lens(given, SimpleNamespace(value=tab))
    for kind in ("csv", "geojson", "kml", "zip"):
        assert events.take(given, kind=kind)[hidden.download]["data"]
    assert hidden.view_state in events.after(given)
    assert lenses.compare.summary in events.compare(given)


def test_without_a_report_or_gallery_a_sentence_says_so(world, tmp_path):
    _, engine, report = world
    with pytest.raises(BadQuestion, match="There is no report here"):
        InspectionService(engine, None).inspection()
    without = InspectionService(engine, report, tmp_path / "nowhere").inspection()
    assert any(note.startswith("No tile pictures") for note in without.notes)


def test_points_keep_their_names_and_groups(service):
    cloud = service.cloud("pca")
    table = service.inspection().table
    points = inspect_summary.points_of(cloud, table, "outcome")
    assert all(0 <= value <= 1 for value in points["x"] + points["y"])
    groups = dict(zip(points["id"], points["group"], strict=True))
    assert {name: group == 0 for name, group in groups.items() if name} == table["right"].to_dict()
    conditions = inspect_summary.points_of(cloud, table, "condition")
    assert conditions["names"] == ["clear", "fog"]
    assert len(points["links"]) == table["true_tile"].notna().sum()


def test_causes_are_counted_once_in_the_headline(service):
    causes = flags.causes(service.inspection().table)
    text = inspect_summary.headline("r", summary.figures(service.inspection().table), causes, ())
    assert html.escape(causes.sentence) in text and f"{causes.errors:,} <span>wrong in all" in text


def test_error_lines_take_the_shorter_way_round():
    line = {"true_lon": [179.9], "true_lat": [0.0], "lon": [-179.9], "lat": [0.0], "error_m": [22_000.0]}
    page = error_map.error_map(pd.DataFrame(line, index=["q"]), None)
    assert "180.1" in page


@pytest.mark.slow
def test_the_network_draws_heat_over_what_it_sees(tmp_path):
    embedder = load_model(save_tiny(tmp_path / "model", 64))
    pictures = [Image.fromarray(imagery(100, seed)) for seed in range(3)]
    tile = RankedTile(1, "a", 0.5, "wrong", None, None)
    shown = QueryPictures("q", False, None, (tile,), tile)
    for look, words in (("similarity", "how alike"), ("saliency", "Grad-CAM")):
        heated = heatmaps.as_network_sees(shown, tuple(pictures), heatmaps.DisplayOptions(look, "true"), embedder)
        assert all(uri.startswith("data:image/jpeg") for uri in heated.heat)
        assert words in heated.heat_caption and "for the true tile" in heated.heat_caption
        assert query_view.query_card(heated, NO_TEXT).count('class="heat"') == 3
    lone = heatmaps.as_network_sees(shown, (pictures[0], None, None), heatmaps.DisplayOptions("similarity"), embedder)
    assert lone.heat == (None, None, None), "no other picture, no heat"


def test_a_fresh_photo_is_judged_by_its_own_position(world):
    folder, engine, _ = world
    service = LocateService(engine, sorted((folder / "gallery" / "photos").glob("*.jpg")))
    shown = service.ask(service.examples[0], PhotoQuestion())
    photo = service.store.get(shown.stored_as)
    far = fresh_pictures(photo, heatmaps.DisplayOptions(near_m=0))
    assert far.right and far.truth is not None and far.strip[0].mark == "true"
    assert {tile.mark for tile in fresh_pictures(photo, heatmaps.DisplayOptions(near_m=1e6)).strip} <= {"true", "near"}
    silent = service.store.get(service.ask(service.examples[3], PhotoQuestion()).stored_as)
    unknown = fresh_pictures(silent, heatmaps.DisplayOptions())
    assert unknown.right is None and unknown.truth is None and "no position" in unknown.truth_missing
    assert not unknown.photo.startswith("data:image/jpeg;base64,/9j/4Q"), "no EXIF goes on"


def test_a_fresh_photo_shows_how_it_fits(world):
    folder, engine, _ = world
    service = LocateService(engine, sorted((folder / "gallery" / "photos").glob("*.jpg")))
    photo = service.store.get(service.ask(service.examples[0], PhotoQuestion()).stored_as)
    assert photo.answer.fit is not None and "How it fits" in render.fresh_card(photo, heatmaps.DisplayOptions())
    unfit = replace(photo, answer=replace(photo.answer, check=None))
    assert "How it fits" not in render.fresh_card(unfit, heatmaps.DisplayOptions())


def test_a_query_says_what_the_ground_said_and_which_part_erred(world, tmp_path):
    heat = io.BytesIO()
    Image.new("L", (8, 6), 90).save(heat, "PNG")
    laid = dict.fromkeys(("ground_lon", "heat_west", "true_lon"), 10.0) | {"heat_east": 10.01, "heat_north": 50.01}
    laid |= dict.fromkeys(("ground_lat", "heat_south", "true_lat"), 50.0) | {"ground_absent": 0.1, "ground_places": 9}
    known = {"ground_probability": 0.83, "heat": heat.getvalue(), **laid}
    rows = [
        replace(bare(1)[0], id="moved", truth_rank=1, embedding_rank=6, ground_rank=1, **known),
        replace(bare(1)[0], id="missed", truth_rank=2, embedding_rank=2, **known),
        replace(bare(1)[0], id="misfit", truth_rank=2, embedding_rank=2, ground_rank=3, **known),
        replace(bare(1)[0], id="bare", true_lon=10.0, true_lat=50.0),
    ]
    write_report(tmp_path / "ground.parquet", rows, {})
    service = InspectionService(world[1], tmp_path / "ground.parquet")
    cards = {
        name: render.report_card(service, name, heatmaps.DisplayOptions()) for name in service.inspection().table.index
    }
    assert "the ground put it right" in cards["moved"] and "rank 6" in cards["moved"] and "83 %" in cards["moved"]
    assert "Retrieval error" in cards["missed"] and "none of 9 places" in cards["missed"]
    assert "Geometry error" in cards["misfit"] and "rank 3 of 9 places" in cards["misfit"]
    assert "was not laid on the ground" in cards["bare"]
    assert [name for name, card in cards.items() if "Where on the ground" in card] == ["moved", "missed", "misfit"]
    assert "True place" in cards["moved"] and "data:image/png;base64" in cards["moved"]
    with gr.Blocks():
        parts = make_parts(service)
    [told] = [page for page in Events(service, parts, AnswerStore())._report("") if parts.head.headline in page]
    assert told[parts.head.headline].count("data-ground") == 4
    chosen = render.part_of(ViewState(), service, {"ground": "geometry"})
    assert select(service.inspection().table, chosen).index.tolist() == ["misfit"]
    assert parts.listing.controls.show(ViewState(), service.inspection().table)[parts.listing.controls.grounds].visible


def test_a_fresh_photo_shows_its_probability_over_the_ground(tmp_path):
    folder = tmp_path
    gallery, _ = make_small_world(folder)
    make_ground(gallery)
    engine = Engine(lambda: Localizer(gallery, ColourEmbedder()))
    service = LocateService(engine, sorted((folder / "gallery" / "photos").glob("*.jpg")))
    photo = service.store.get(service.ask(service.examples[0], PhotoQuestion()).stored_as)
    bare_photo = replace(photo, said=None)
    assert "Where on the ground" not in render.fresh_card(bare_photo, heatmaps.DisplayOptions())
    assert photo.said is not None and photo.answer.ground is None, "what the map needs is kept, not all of the ground"
    assert "Where on the ground" in render.fresh_card(photo, heatmaps.DisplayOptions())
