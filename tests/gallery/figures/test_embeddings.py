"""Figures: numbers against loops, pictures by what can be read from their pixels, and nothing global touched."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.errors import GalleryError
from gallery.figures import embeddings as module
from gallery.figures.embeddings import (
    BINS,
    Distances,
    cloud_of,
    distance_histograms,
    embedding_scatter,
    pair_distances,
    pick_places,
)
from tests.helpers import ROOT
from tests.helpers.pixels import has_colour, rendered

Sets = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def embeddings(noise: float, places: int = 12, per_place: int = 5, seed: int = 0) -> Sets:
    random = np.random.default_rng(seed)
    middles = random.normal(size=(places, 32))
    drones = np.repeat(middles, per_place, axis=0)
    drones += noise * random.normal(size=drones.shape)
    tiles = middles + noise * random.normal(size=middles.shape)
    return unit(drones), np.repeat(np.arange(places), per_place), unit(tiles), np.arange(places)


# --- distances ---


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(3, 9))
@settings(max_examples=25)
def test_distances_are_those_of_a_loop_over_pairs(seed, queries, tiles):
    random = np.random.default_rng(seed)
    a, b = unit(random.normal(size=(queries, 6))), unit(random.normal(size=(tiles, 6)))
    wanted, labels = random.integers(0, 3, queries), random.integers(-1, 3, tiles)
    wanted[0], labels[:2] = 0, (0, 1)
    result = pair_distances(a, wanted, b, labels)
    intra, inter = [], []
    for i in range(queries):
        for j in range(tiles):
            if labels[j] >= 0:
                (intra if wanted[i] == labels[j] else inter).append(float(1 - a[i] @ b[j]))
    assert result.intra.sum() == len(intra) and result.inter.sum() == len(inter)
    assert result.intra_mean == pytest.approx(np.mean(intra), abs=1e-5)
    assert result.inter_mean == pytest.approx(np.mean(inter), abs=1e-5)
    closer = np.mean([(x < y) + 0.5 * (x == y) for x in intra for y in inter])
    unsure = np.mean([abs(x - y) <= 2 / BINS for x in intra for y in inter])  # pairs in one bin count half
    assert abs(result.separation - closer) <= unsure / 2 + 1e-9


def test_chunks_do_not_change_the_distances(monkeypatch):
    whole = pair_distances(*embeddings(1.0))
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", 30)
    parts = pair_distances(*embeddings(1.0))
    assert np.array_equal(whole.intra, parts.intra) and np.array_equal(whole.inter, parts.inter)
    assert whole.intra_mean == pytest.approx(parts.intra_mean)


def test_separation_is_one_for_apart_and_half_for_chance():
    assert pair_distances(*embeddings(0.01)).separation == 1
    same = np.zeros(BINS, np.int64)
    same[40:60] = 7
    assert Distances(same, same, 0.5, 0.5).separation == pytest.approx(0.5)
    assert pair_distances(*embeddings(3.0)).separation < pair_distances(*embeddings(0.8)).separation


def test_opposite_and_equal_vectors_fall_into_the_outer_bins():
    east = np.array([[1.0, 0.0]])
    result = pair_distances(east, np.array([0]), np.concatenate([east, -east]), np.array([0, 1]))
    assert result.intra[0] == 1 and result.inter[BINS - 1] == 1


@pytest.mark.parametrize(
    "labels, words", [([0, 0], "different places"), ([1, 2], "the same place"), ([-1, -1], "the same place")]
)
def test_one_kind_of_pair_is_not_enough(labels, words):
    with pytest.raises(GalleryError, match=words):
        pair_distances(np.eye(2)[:1], np.array([0]), np.eye(2), np.array(labels))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(GalleryError, match="shapes"):
        pair_distances(np.eye(2), np.arange(2), np.eye(3), np.arange(3))
    with pytest.raises(GalleryError, match="label counts"):
        pair_distances(np.eye(2), np.arange(3), np.eye(2), np.arange(2))


def test_histograms_have_a_panel_for_each_model_in_the_papers_colours():
    panels = {name: pair_distances(*embeddings(noise)) for name, noise in (("Baseline $x_", 2.0), ("MEAN", 0.3))}
    figure = distance_histograms(panels)
    titles = [axis.get_title() for axis in figure.axes]
    assert [title.split("  ")[0] for title in titles] == ["Baseline $x_", "MEAN"]  # a name is text, not a formula
    assert "pairs in order" in titles[0]
    lines = [text.get_text().split(",")[0] for text in figure.axes[0].get_legend().get_texts()]
    assert lines == ["same place", "different places"]
    pixels = rendered(figure)
    assert has_colour(pixels, module.BLUE) and has_colour(pixels, module.GREEN)


def test_more_than_five_panels_stand_in_two_rows():
    distances = pair_distances(*embeddings(1.0))
    figure = distance_histograms({str(i): distances for i in range(7)})
    assert len(figure.axes) == 7
    assert rendered(figure).size


# --- the plane ---


def test_places_are_shared_ones_and_the_seed_decides():
    drones, tiles = np.array([5, 5, 7, 9, 11]), np.array([11, 9, 7, 6, -1])
    assert pick_places(drones, tiles).tolist() == [7, 9, 11]
    assert len(pick_places(drones, tiles, 2)) == 2
    assert pick_places(drones, tiles, 2, seed=3).tolist() == pick_places(drones, tiles, 2, seed=3).tolist()
    with pytest.raises(GalleryError, match="No place"):
        pick_places(np.array([1, -1]), np.array([2, -1]))


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_a_cloud_holds_every_embedding_of_its_places_once(method):
    held = embeddings(0.3)
    cloud = cloud_of(*held, places=np.array([1, 4, 8]), method=method)
    assert cloud.points.shape == (18, 2) and np.isfinite(cloud.points).all()
    assert cloud.satellite.sum() == 3 and set(cloud.places) == {1, 4, 8}
    again = cloud_of(*held, places=np.array([1, 4, 8]), method=method)
    assert np.array_equal(cloud.points, again.points)


def test_places_that_are_apart_stay_apart_in_the_plane():
    cloud = cloud_of(*embeddings(0.05), places=np.arange(12))
    middles = np.stack([cloud.points[cloud.places == place].mean(axis=0) for place in range(12)])
    nearest = np.linalg.norm(cloud.points[:, None] - middles, axis=2).argmin(axis=1)
    assert np.array_equal(nearest, cloud.places)


def test_the_other_direction_swaps_the_markers():
    drones, places, tiles, labels = embeddings(0.3)
    cloud = cloud_of(tiles, labels, drones, places, places=labels, method="pca", queries_are_satellite=True)
    assert cloud.satellite.sum() == len(tiles)


def test_too_few_embeddings_and_unknown_methods():
    held = embeddings(0.3, per_place=2)
    with pytest.raises(GalleryError, match="too few"):
        cloud_of(*held, places=np.array([1]))
    with pytest.raises(GalleryError, match="choose tsne or pca"):
        cloud_of(*held, places=np.arange(5), method="umap")  # type: ignore[arg-type]


def test_drone_photos_are_crosses_and_tiles_are_stars():
    held = embeddings(0.3)
    cloud = cloud_of(*held, places=np.arange(12), method="pca")
    figure = embedding_scatter({"MEAN": cloud})
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["drone photo", "satellite tile"]
    counts = sorted(len(c.get_offsets()) for c in figure.axes[0].collections if len(c.get_offsets()) > 1)
    assert counts == [12, 60]
    assert rendered(figure).min() < 60


# --- nothing global ---


@pytest.mark.process
def test_importing_costs_no_drawing_library_and_drawing_no_pyplot(tmp_path):
    program = (
        "import sys, numpy as np\nimport gallery.figures.embeddings as f\n"
        "assert not {'matplotlib', 'sklearn', 'torch'} & set(sys.modules)\n"
        "f.distance_histograms({'a': f.Distances(*np.ones((2, f.BINS), int), 1, 1)}).savefig(sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.png")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_settings_of_the_caller_stay():
    import matplotlib

    before = dict(matplotlib.rcParams)
    rendered(distance_histograms({"a": pair_distances(*embeddings(1.0))}))
    assert dict(matplotlib.rcParams) == before


def test_figures_can_be_made_in_threads():
    results: list[bytes] = []
    cloud = cloud_of(*embeddings(0.5), places=np.arange(12), method="pca")
    threads = [
        threading.Thread(target=lambda: results.append(rendered(embedding_scatter({"a": cloud})).tobytes()))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and len(set(results)) == 1
