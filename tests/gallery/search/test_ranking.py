"""Rankings from several views: equal to brute force, robust where tiles are missing, and over the antimeridian."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery import Gallery, build_gallery
from gallery.geo import LonLat, distances_m, moved
from gallery.photo.views import QueryCrop
from gallery.search.ranking import CANDIDATES, SAME_PLACE, Ranker
from tests.helpers.builders import FakeEmbedder, textured

SIDE_M = 100.0


def random_rows(count: int, dimension: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def views_at(offsets, weights) -> list[QueryCrop]:
    return [QueryCrop(None, east, north, weight) for (east, north), weight in zip(offsets, weights, strict=True)]


def nearest_by_hand(gallery: Gallery, row: int, east_m: float, north_m: float) -> int:
    lons, lats = gallery.centres.T
    away_m = distances_m(moved(LonLat(lons[row], lats[row]), east_m, north_m), lons, lats)
    return int(away_m.argmin()) if away_m.min() <= SAME_PLACE * SIDE_M else -1


@given(st.integers(0, 1000), st.integers(1, 12))
@settings(max_examples=15)
def test_best_of_equals_brute_force(gallery, seed, k):
    vectors = random_rows(4, gallery.dimension, seed)
    scores = (np.asarray(gallery.vectors, np.float32) @ vectors.T).max(axis=1)
    found = Ranker(gallery).best_of(vectors, k)
    assert found.scores == pytest.approx(np.sort(scores)[::-1][:k], abs=1e-3)
    assert scores[found.rows] == pytest.approx(found.scores, abs=1e-3) and len(set(found.rows)) == k


@given(st.integers(0, 1000))
@settings(max_examples=8)
def test_adding_up_equals_brute_force(gallery, seed):
    offsets = [(0, 0), (50, 0), (-50, 100), (300, 0), (20, 20)]
    random = np.random.default_rng(seed)
    weights = random.uniform(0.1, 1, len(offsets))
    vectors = random_rows(len(offsets), gallery.dimension, seed)
    tiles = np.asarray(gallery.vectors, np.float32)
    total = np.zeros(len(gallery))
    for vector, (east_m, north_m), weight in zip(vectors, offsets, weights, strict=True):
        shown = [nearest_by_hand(gallery, row, east_m, north_m) for row in range(len(gallery))]
        there = [row >= 0 for row in shown]
        scores = np.where(there, tiles[shown] @ vector, 0)
        total += weight * np.where(there, scores, scores[there].mean())
    total /= weights.sum()
    found = Ranker(gallery).added_up(vectors, views_at(offsets, weights), SIDE_M, len(gallery))
    assert sorted(found.rows) == list(range(len(gallery)))
    assert found.scores == pytest.approx(total[found.rows], abs=1e-4) and (np.diff(found.scores) <= 0).all()


@given(st.integers(0, 1000), st.booleans())
@settings(max_examples=8)
def test_among_some_tiles_the_others_neither_rank_nor_stand_for_views(gallery, seed, with_area):
    random = np.random.default_rng(seed)
    among = random.random(len(gallery)) < 0.5
    allowed = random.random(len(gallery)) < 0.7 if with_area else None
    vectors = random_rows(3, gallery.dimension, seed)
    ranker = Ranker(gallery, among)
    offsets = [(0, 0), (50, 0), (-50, 100)]
    found = ranker.added_up(vectors, views_at(offsets, [1, 1, 1]), SIDE_M, 20, allowed)
    ranked = among if allowed is None else among & allowed
    assert len(found.rows) and ranked[found.rows].all() and ranked[ranker.best_of(vectors, 20, allowed).rows].all()
    lons, lats = gallery.centres.T
    for row in found.rows[:5]:
        away_m = np.where(among, distances_m(moved(LonLat(lons[row], lats[row]), 50, 0), lons, lats), np.inf)
        expected = int(away_m.argmin()) if away_m.min() <= SAME_PLACE * SIDE_M else -1
        assert ranker.neighbours(np.array([row]), 50, 0, SAME_PLACE * SIDE_M).tolist() == [expected]


def test_the_best_are_found_without_scoring_all(gallery):
    """Only candidates are scored: of views cut from one ground, the few best are those of the whole ranking."""
    assert len(gallery) > CANDIDATES
    middle = 5 * 17 + 8
    offsets = [(0, 0), (50, 0), (-50, 0), (0, 50), (0, -50)]
    rows = [nearest_by_hand(gallery, middle, east_m, north_m) for east_m, north_m in offsets]
    vectors = np.asarray(gallery.vectors[rows], np.float32)
    views = views_at(offsets, [1.0] * 5)
    few, whole = (Ranker(gallery).added_up(vectors, views, SIDE_M, k) for k in (3, len(gallery)))
    assert few.rows[0] == whole.rows[0] == middle and few.scores[0] == pytest.approx(1, abs=1e-2)
    assert few.rows.tolist() == whole.rows[:3].tolist()


def test_one_view_ranks_as_a_plain_search(gallery):
    vectors = random_rows(1, gallery.dimension, 3)
    alone = Ranker(gallery).added_up(vectors, [QueryCrop(None)], SIDE_M, 20)
    assert alone.rows.tolist() == Ranker(gallery).best_of(vectors, 20).rows.tolist()


def test_only_allowed_tiles_are_ranked_but_others_bear_witness(gallery):
    middle, beside = 5 * 17 + 8, 5 * 17 + 9
    allowed = np.zeros(len(gallery), bool)
    allowed[[middle, 3]] = True
    vectors = np.asarray(gallery.vectors[[middle, beside]], np.float32)
    found = Ranker(gallery).added_up(vectors, views_at([(0, 0), (50, 0)], [1, 1]), SIDE_M, 10, allowed)
    assert found.rows.tolist() == [middle, 3] and found.scores[0] == pytest.approx(1, abs=1e-2)
    none = Ranker(gallery).added_up(vectors, views_at([(0, 0), (50, 0)], [1, 1]), SIDE_M, 10, allowed & False)
    assert none.rows.size == none.scores.size == 0


def test_neighbours_across_the_antimeridian(tmp_path):
    import csv

    from PIL import Image

    places = {"west": (179.9995, 10.0), "east": (-179.9995, 10.0), "north": (179.9995, 10.001)}
    (tmp_path / "tiles").mkdir()
    with (tmp_path / "tiles" / "positions.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("file", "lon", "lat"))
        for number, (name, (lon, lat)) in enumerate(places.items()):
            picture = np.moveaxis(textured(64, 64, seed=number), 0, -1)
            Image.fromarray(picture).save(tmp_path / "tiles" / f"{name}.png")
            writer.writerow((f"{name}.png", lon, lat))
    positions = tmp_path / "tiles" / "positions.csv"
    gallery = build_gallery(tmp_path / "tiles", tmp_path / "g", FakeEmbedder(), positions=positions)
    row = {gallery.tile(number).image: number for number in range(3)}
    west, east, north = (row[f"{name}.png"] for name in places)
    ranker = Ranker(gallery)
    assert ranker.neighbours(np.array([west, east]), 109.5, 0, 20).tolist() == [east, -1]
    assert ranker.neighbours(np.array([west, north]), 0, 110.6, 20).tolist() == [north, -1]
    assert ranker.neighbours(np.array([west]), 0, 0, 20).tolist() == [west]
