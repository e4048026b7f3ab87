"""The benchmark of galleries measures what it says, on a small one, and its figures become costs on paper."""

import json

import numpy as np
import pytest
from tqdm import tqdm

from gallery import Gallery
from gallery.constants import SAMPLE
from gallery.store.check import check_gallery
from train_scripts import benchmark
from train_scripts.benchmarks import gallery as benchmarks_gallery


def test_a_synthetic_gallery_is_whole(tmp_path):
    like = np.load(SAMPLE / "vectors.npy")
    benchmarks_gallery.make_gallery(tmp_path / "g", 1100, 24, like, tqdm(disable=True))
    assert Gallery.open(tmp_path / "g").manifest["index"] == {"kind": "exact"}
    benchmarks_gallery.exchange_index(tmp_path / "g")
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.manifest["index"]["kind"] == "approximate" and len(gallery) == 1100
    assert gallery.tile(1).centre.lon == pytest.approx(benchmarks_gallery.STEP_DEG)
    assert np.unique(gallery.centres, axis=0).shape == (1100, 2)
    assert {problem.kind for problem in check_gallery(gallery)} == {"source"}  # there is no imagery


def test_figures_of_search_and_their_costs(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks_gallery, "build_figures", lambda *given: [BUILT])
    benchmark.main(["gallery", "--sizes", "1000", "--dimension", "96", "--rounds", "1", "--json"])
    printed = capsys.readouterr().out
    [searched] = json.loads(printed)["search"]
    assert searched["tiles"] == 1000 and searched["dimension"] == 96
    assert searched["recall_1"] >= 0.97 and searched["recall_10"] >= 0.97 and searched["truth_1"] >= 0.97
    assert all(
        searched[name] > 0 for name in ("exact_ms", "approximate_ms", "area_ms", "index_s", "open_s", "first_ms")
    )
    assert searched["bytes_a_tile"]["vectors.npy"] == pytest.approx(192 + 128 / 1000)
    (tmp_path / "figures.json").write_text(printed)
    benchmark.main(["gallery", "--paper", str(tmp_path / "figures.json"), "--overlap", "0", "--core-hour", "1"])
    shown = capsys.readouterr().out
    assert "1 USD a core-hour" in shown and "| 1,000 | 100,000 |" in shown and "m, 20.0 ms of a core" in shown


def test_figures_as_tables():
    ones = dict.fromkeys(benchmarks_gallery.Searched.__dataclass_fields__, 1.0)
    figure = {**ones, "tiles": 1_000_000, "dimension": 768}
    shown = benchmarks_gallery.text({"build": [BUILT], "search": [figure]})
    assert "gallery build / bare network   0.50   (m: 50.0 / 100.0 images/s, 10 tiles; " in shown
    assert "| 1,000,000 | 1.0 ms | 1.0 ms | 1.000 | 1.000, 1.000 |" in shown


@pytest.mark.parametrize(
    ("given", "message"), [(["--sizes", "10"], "sizes from 1000 on"), (["--paper", "none.json"], "no file none.json")]
)
def test_what_cannot_be_measured(refused, given, message):
    assert message in refused(benchmark.main, "gallery", *given)


BUILT = {
    "model": "m",
    "build_rate_over_network": 0.5,
    "build_tiles_per_s": 50.0,
    "network_images_per_s": 100.0,
    "build_core_s_a_tile": 0.02,
    "network_share_of_core_time": 0.75,
    "tiles": 10,
}
