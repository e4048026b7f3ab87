"""Rows of reports as pictures: what is right, where the truth stands, pictures in their weather, heat maps."""

from dataclasses import replace

import pandas as pd
import pytest

from gallery import Gallery, Localizer
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.report.report import QueryRow, read_report, write_report
from mean_model import load_model
from tests.helpers.evaluated import evaluated_dataset, evaluated_gallery
from train_scripts.data.readers.dataset import Picture
from train_scripts.evaluation.picture_vectors import in_weather
from train_scripts.figures.report_sheets import (
    chosen_rows,
    heat_rows_of,
    pair_rows,
    pictures_of,
    require_model_of,
    strips_of,
)


@pytest.fixture
def gallery(place):
    return Gallery.open(place / "tiles")


def pictures(place, photos=None):
    report = read_report(place / "report.parquet")
    return pictures_of(place / "report.parquet", report, Gallery.open(place / "tiles"), [photos or place / "photos"])


# --- of a gallery ---


def test_strips_know_right_from_wrong(place, gallery):
    rows = read_report(place / "report.parquet").rows
    strips = strips_of(rows, pictures(place), k=3)
    assert len(strips) == 6 and all(len(strip.ranked) == 3 for strip in strips)
    for strip, row in zip(strips, rows.itertuples(), strict=True):
        truth = LonLat(row.true_lon, row.true_lat)
        tiles = [gallery.tile(gallery.tiles["id"].tolist().index(name)) for name in row.tile_ids]
        assert [shown.right for shown in strip.ranked] == [tile.contains(truth) for tile in tiles]
        assert strip.query.picture is not None and strip.query.caption.startswith(row.id)
        assert strip.ranked[0].caption.startswith(f"{row.scores[0]:.3f} · ")
    assert strips[0].ranked[0].right and strips[0].ranked[0].caption.endswith(" · 0 m") and strips[0].truth is None
    assert strips[1].query.caption == "q1\nfog"


def test_a_missing_truth_stands_at_the_end(place, gallery):
    rows = read_report(place / "report.parquet").rows
    strip = strips_of(rows, pictures(place), k=2)[-1]
    assert not any(shown.right for shown in strip.ranked)
    assert strip.truth is not None and strip.truth.right and strip.truth.caption == "0 m"


def test_without_any_truth_nothing_is_judged(place, gallery):
    name = gallery.tile(0).id
    write_report(place / "bare.parquet", [QueryRow("q", "gone.png", [name], [0.5])], {})
    (strip,) = strips_of(read_report(place / "bare.parquet").rows, pictures(place, place), k=3)
    assert strip.ranked[0].right is None and strip.ranked[0].caption == "0.500"
    assert strip.query.picture is None and strip.truth is None


def test_a_true_tile_by_name_needs_no_position(place, gallery):
    names = gallery.tiles["id"].tolist()
    rows = [
        QueryRow("found", "q0.png", names[:2], [0.5, 0.4], true_tile_id=names[1]),
        QueryRow("missed", "q0.png", names[:2], [0.5, 0.4], true_tile_id=names[5]),
    ]
    write_report(place / "names.parquet", rows, {})
    found, missed = strips_of(read_report(place / "names.parquet").rows, pictures(place), k=2)
    assert [shown.right for shown in found.ranked] == [False, True] and found.truth is None
    assert missed.truth is not None and missed.truth.right


def test_a_damaged_photo_leaves_an_empty_field(place, gallery):
    (place / "photos" / "q0.png").write_bytes(b"no picture")
    rows = read_report(place / "report.parquet").rows[:1]
    assert strips_of(rows, pictures(place), k=1)[0].query.picture is None


def test_tiles_of_another_gallery_are_named(place, gallery):
    write_report(place / "other.parquet", [QueryRow("q", "a.jpg", ["elsewhere"], [0.5])], {})
    with pytest.raises(GalleryError, match="has no tile elsewhere"):
        strips_of(read_report(place / "other.parquet").rows, pictures(place, place), k=3)


def test_rows_are_chosen_evenly_and_by_answer(place):
    report = read_report(place / "report.parquet")
    assert chosen_rows(report, "all", 3)["id"].tolist() == ["q0", "q2", "q5"]
    assert chosen_rows(report, "all", 99)["id"].tolist() == [f"q{i}" for i in range(6)]
    right, wrong = (set(chosen_rows(report, show, 99)["id"]) for show in ("right", "wrong"))
    assert right | wrong == {f"q{i}" for i in range(6)} and not right & wrong and "q5" in wrong
    assert chosen_rows(report, "all", 1, ["q4", "q1"])["id"].tolist() == ["q4", "q1"]
    with pytest.raises(GalleryError, match="no query q9"):
        chosen_rows(report, "all", 1, ["q9"])
    with pytest.raises(GalleryError, match="no wrong answer"):
        chosen_rows(replace(report, rows=report.rows[report.rows["truth_rank"] == 1]), "wrong", 3)


def test_an_empty_report_has_nothing_to_show(place):
    write_report(place / "empty.parquet", [], {})
    with pytest.raises(GalleryError, match="no answer to show"):
        chosen_rows(read_report(place / "empty.parquet"), "all", 3)
    assert isinstance(read_report(place / "empty.parquet").rows, pd.DataFrame)


# --- of a dataset ---


@pytest.fixture(scope="module")
def uni(tmp_path_factory):
    """Clear and in fog, in both directions."""
    asked = {"directions": ("drone-to-satellite", "satellite-to-drone"), "conditions": ("normal", "fog")}
    return evaluated_dataset(tmp_path_factory.mktemp("evaluated"), **asked)


@pytest.fixture(scope="module")
def network(uni):
    with load_model(uni / "tiny", precision="float32") as embedder:
        yield embedder


def opened(uni, direction="drone-to-satellite", condition="normal"):
    file = uni / "reports" / f"dataset-{direction}-paper-{condition}.parquet"
    report = read_report(file)
    return report, pictures_of(file, report, None, [uni / "uni"])


def place_of(name: str) -> str:
    return name.split("/")[-2]


def test_a_datasets_tiles_are_judged_by_their_place(uni):
    report, pictures = opened(uni)
    for strip, row in zip(strips_of(report.rows, pictures, k=4), report.rows.itertuples(), strict=True):
        assert strip.query.picture is not None and strip.query.caption == row.id
        true = [place_of(name) == place_of(row.id) for name in row.tile_ids[:4]]
        assert all(shown.right in (right, None) for shown, right in zip(strip.ranked, true, strict=True))
        assert [shown.right for shown in strip.ranked].count(True) == sum(true)
        assert (strip.truth is None) == any(true)


def test_of_several_true_tiles_none_is_called_wrong(uni):
    report, pictures = opened(uni, "satellite-to-drone")
    for strip, row in zip(strips_of(report.rows, pictures, k=8), report.rows.itertuples(), strict=True):
        for shown, name in zip(strip.ranked, row.tile_ids, strict=False):
            assert shown.right in (place_of(name) == place_of(row.id), None)
    told = [[place_of(name) == place_of(row.id) for name in row.tile_ids] for row in report.rows.itertuples()]
    strips = strips_of(report.rows.assign(tile_true=told, tile_m=[[7.0] * len(row) for row in told]), pictures, k=8)
    assert [[shown.right for shown in strip.ranked] for strip in strips] == [row[:8] for row in told]
    assert strips[0].ranked[0].caption.endswith(" · 7 m")


def test_pictures_are_shown_in_their_weather(uni):
    report, pictures = opened(uni, condition="fog")
    row = report.rows.iloc[0]
    file = uni / "uni" / row["id"]
    fog = in_weather(Picture("drone", file, place_of(row["id"])), "fog", 64)
    assert pictures.query(row).tobytes() == fog.tobytes()
    clear = opened(uni)[1]
    assert clear.query(row).tobytes() != fog.tobytes()
    assert pictures.tile(row["tile_ids"][0]).tobytes() == clear.tile(row["tile_ids"][0]).tobytes()
    (strip,) = strips_of(report.rows[:1], pictures, k=1)
    assert strip.query.caption == f"{row['id']}\nfog"
    searched, drones = opened(uni, "satellite-to-drone", "fog")
    asked = searched.rows.iloc[0]
    tile = Picture("drone", uni / "uni" / asked["tile_ids"][0], place_of(asked["tile_ids"][0]))
    assert drones.tile(asked["tile_ids"][0]).tobytes() == in_weather(tile, "fog", 64).tobytes()


def test_a_dataset_that_is_not_there_is_asked_for(uni, tmp_path):
    report, _ = opened(uni)
    pictures = pictures_of(tmp_path / "report.parquet", report, None, [])
    with pytest.raises(GalleryError, match=r"None of the pictures can be read.*--photos"):
        strips_of(report.rows, pictures, k=2)
    foggy, _ = opened(uni, condition="fog")
    with pytest.raises(GalleryError, match=r"in a weather need the dataset.*--photos"):
        pictures_of(tmp_path / "report.parquet", foggy, None, [tmp_path])


# --- heat maps ---


def test_heat_maps_stand_beside_the_query_and_the_best_tile(uni, network):
    report, pictures = opened(uni)
    rows = heat_rows_of(report, report.rows, pictures, network, "similarity", side_px=96)
    for heat, strip in zip(rows, strips_of(report.rows, pictures, k=1, side_px=96), strict=True):
        assert (heat.best.caption, heat.best.right) == (strip.ranked[0].caption, strip.ranked[0].right)
        assert (heat.truth is None) == (strip.truth is None)
        assert heat.query_heat.picture.size == heat.best_heat.picture.size == (96, 96)
        assert heat.query_heat.caption == heat.best_heat.caption  # one range for both
    clear = heat_rows_of(report, report.rows[:1], pictures, network, "similarity", side_px=64, opacity=0)[0]
    assert clear.query_heat.picture.tobytes() == network.seen(pictures.query(report.rows.iloc[0])).tobytes()


def test_heat_maps_of_a_gallery_lie_over_what_was_searched(tmp_path, make_raster, network):
    place = evaluated_gallery(tmp_path, [make_raster()], network)
    report = read_report(place / "report.parquet")
    heats = heat_rows_of(report, report.rows, pictures(place), network, "saliency", side_px=64, opacity=0)
    assert len(heats) == 6
    for row, heat in zip(report.rows.itertuples(), heats, strict=True):
        photo = network.read(place / "photos" / row.image)
        view = Localizer(Gallery.open(place / "tiles"), network).views(photo).views[0].image
        assert heat.query_heat.picture.tobytes() == network.seen(view).tobytes()


def test_pairs_of_pictures_state_their_cosine(uni, network):
    files = sorted((uni / "uni/test/query_drone").rglob("*.jpeg"))[:4]
    rows = pair_rows(files, network, "similarity", side_px=64)
    vectors = network.embed(files)
    assert [row.best.caption for row in rows] == [
        f"{vectors[i] @ vectors[i + 1]:.3f} · {files[i + 1].name}" for i in (0, 2)
    ]
    with pytest.raises(GalleryError, match="3 pictures make no pairs"):
        pair_rows(files[:3], network, "similarity")


def test_other_weights_than_the_reports_are_refused(uni, network):
    report, _ = opened(uni)
    require_model_of(report, network)
    require_model_of(replace(report, summary={}), network)
    with pytest.raises(GalleryError, match="made with the model some"):
        require_model_of(replace(report, summary={"fingerprint": "x", "model": "some"}), network)
