"""The plane of embeddings, where its points are kept, and the lasso."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from gallery.figures.embeddings import embedding_scatter
from gallery.report import scatter as module
from gallery.report.report import read_report, write_report
from gallery.report.scatter import cloud, lasso, scatter
from gallery.report.table import inspection_of, open_inspection
from gallery.report.tiles import write_tiles
from tests.helpers.report_files import made_report, made_rows, made_tiles


@pytest.fixture(scope="module")
def inspection(tmp_path_factory):
    return open_inspection(made_report(tmp_path_factory.mktemp("scatter") / "r.parquet", 60))


def test_queries_then_tiles_each_once(inspection):
    found = scatter(inspection)
    table = inspection.table
    assert list(found.ids[~found.is_tile]) == list(table.index) and not found.is_tile[: len(table)].any()
    tiles = set(found.ids[found.is_tile])
    assert tiles == {*table["true_tile"], *table["top_tile"]} and len(found.ids) == len(table) + len(tiles)
    for query, tile in found.links:
        assert table.loc[found.ids[query], "true_tile"] == found.ids[tile]
        assert found.places[query] == found.places[tile]
    assert (found.from_satellite == found.is_tile).all()
    assert len(found.links) == len(table) and found.method.startswith("PCA") and found.left_out == 0


def test_pca_keeps_what_the_two_largest_directions_keep(inspection):
    found = scatter(inspection)
    tiles = inspection.tiles
    rows = [tiles.rows[tile] for tile in found.ids[found.is_tile]]
    vectors = np.concatenate([inspection.report.vectors(), tiles.vectors[rows]]).astype(float)
    spread = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)[:2]
    np.testing.assert_allclose(np.linalg.norm(found.points - found.points.mean(axis=0), axis=0), spread, rtol=1e-3)


def test_tsne_is_computed_once_and_kept_beside_the_report(inspection, monkeypatch):
    first = scatter(inspection, "tsne")
    kept = list(inspection.report.file.parent.glob("r.tsne-*.npz"))
    assert len(kept) == 1
    monkeypatch.setattr(module, "projected", lambda *_: pytest.fail("computed again"))
    again = scatter(inspection, "tsne")
    np.testing.assert_array_equal(first.points, again.points)
    assert again.method == first.method and again.method.startswith("t-SNE")


def test_other_embeddings_are_not_taken_for_kept_ones(inspection, tmp_path):
    other = open_inspection(made_report(tmp_path / "r.parquet", 60, seed=5))
    scatter(inspection, "tsne", cache=tmp_path / "cache")
    scatter(other, "tsne", cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_points_go_to_the_cache_folder_where_nothing_can_stand_beside_the_report(tmp_path, monkeypatch):
    file = made_report(tmp_path / "r.parquet", 12)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    opened = open_inspection(file)
    expected = scatter(opened, "tsne", cache=tmp_path / "elsewhere").points
    save, full = np.savez, []

    def refuse(stream, **arrays):
        if not full:
            full.append(stream)
            raise OSError("no space left")
        save(stream, **arrays)

    monkeypatch.setattr(np, "savez", refuse)
    np.testing.assert_array_equal(scatter(opened, "tsne").points, expected)
    assert full and len(list((tmp_path / "home").rglob("r.tsne-*.npz"))) == 1
    assert not list(tmp_path.glob("r.tsne-*.npz"))
    (tmp_path / "blocked").write_text("")
    assert len(scatter(opened, "tsne", cache=tmp_path / "blocked" / "below").points)  # kept nowhere, shown all the same


def test_a_damaged_file_is_computed_again(tmp_path):
    inspection = open_inspection(made_report(tmp_path / "r.parquet", 12))
    first = scatter(inspection, "tsne")
    (kept,) = tmp_path.glob("r.tsne-*.npz")
    for damage in (b"", b"no archive", kept.read_bytes()[:200]):
        kept.write_bytes(damage)
        np.testing.assert_allclose(scatter(inspection, "tsne").points, first.points, atol=1e-3)


def test_too_many_are_drawn_with_their_tiles(inspection):
    found = scatter(inspection, "tsne", most=40)
    assert len(found.ids) <= 40 and found.left_out == len(scatter(inspection).ids) - len(found.ids)
    queries = found.ids[~found.is_tile]
    wanted = inspection.table.loc[queries, ["true_tile", "top_tile"]]
    assert set(found.ids[found.is_tile]) == set(wanted.to_numpy().ravel())


def test_no_plot_without_embeddings_or_with_few(inspection, tmp_path):
    alone = inspection_of(read_report(inspection.report.file))
    assert scatter(alone).is_tile.sum() == 0 and len(scatter(alone).links) == 0
    assert scatter(open_inspection(made_report(tmp_path / "few.parquet", 1))) is None
    write_report(tmp_path / "none.parquet", [replace(row, vector=None) for row in made_rows(9)], {})
    assert scatter(open_inspection(tmp_path / "none.parquet")) is None


corners = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=3)


@given(polygon=corners)
@settings(max_examples=40)
def test_a_triangle_holds_what_another_library_finds_in_it(inspection, polygon):
    found = scatter(inspection)
    (x1, y1), (x2, y2), (x3, y3) = polygon
    if abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1)) < 1e-6:
        return
    inside = Outline(polygon).contains_points(found.points)
    assert lasso(found, polygon) == tuple(found.ids[inside & ~found.is_tile])


def test_odd_lassos(inspection):
    found = scatter(inspection)
    around = [(-9, -9), (9, -9), (9, 9), (-9, 9)]
    assert len(lasso(found, around)) == 60 and len(lasso(found, [(-9, -9), (9, 9), (9, -9), (-9, 9)])) < 60
    for nothing in ([], [(0, 0)], [(0, 0), (1, 1)], [(0, 0), (float("nan"), 1), (1, 0)]):
        assert lasso(found, nothing) == ()
    assert isinstance(lasso(found, [(0, 0), (1, 1), (2, 2)]), tuple)  # encloses nothing


def test_satellites_stay_satellites_when_they_ask(tmp_path):
    rows = made_rows(9)
    write_report(tmp_path / "r.parquet", rows, {"direction": "satellite-to-drone"})
    write_tiles(tmp_path / "r.parquet", made_tiles())
    found = scatter(open_inspection(tmp_path / "r.parquet"))
    assert (found.from_satellite == ~found.is_tile).all() and (cloud(found).satellite == found.from_satellite).all()


def test_the_paper_draws_it(inspection):
    figure = embedding_scatter({"r": cloud(scatter(inspection))})
    assert figure.axes[0].get_title() == "r"
