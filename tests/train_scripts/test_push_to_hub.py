"""Publishing: the real client uploads to a Hub on loopback, and what was published loads again."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import DatasetCard, ModelCard

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import GalleryError
from gallery.judge.calibration import Calibration
from gallery.report.report import write_report
from gallery.store.check import check_gallery
from gallery.store.checksums import sealed
from gallery.store.foreign import require_own_imagery
from gallery.store.manifest import FILES
from mean_model.checkpoint import load_model, load_network, save_model
from mean_model.config import MeanConfig
from mean_model.embedder import fingerprint
from mean_model.hub import Repo, fetch
from mean_model.network import MEAN
from tests.helpers.builders import FakeEmbedder, textured, write_raster
from tests.helpers.fake_hub import TOKEN, FakeHub, fake_hub
from tests.helpers.tiny_model import save_tiny
from train_scripts.push_to_hub import main

CONFIG = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)
LICENCE, DATA = ["--license", "apache-2.0"], ["--data", "Two rendered worlds."]
SAID = [*LICENCE, *DATA, "--limits", "Knows nothing.", "--recipe", "By hand."]
SUMMARY = {
    "recall": {"1": 81.5, "5": 90.0},
    "ap": 84.25,
    "queries": 1000,
    "gallery": 200,
    "protocol": "paper",
    "direction": "drone-to-satellite",
    "dataset": "university1652",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """The Hub of this process, with a token that may write."""
    with fake_hub() as hub:
        hub.adopt(monkeypatch, tmp_path / "home", TOKEN)
        yield hub


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny(tmp_path_factory.mktemp("models") / "atto", 64)
    (folder / "last.pt").write_bytes(b"an optimiser's state, which is nobody's business")
    return folder


@pytest.fixture
def area(tmp_path: Path) -> Path:
    raster = write_raster(tmp_path / "area" / "region.tif", pixels=textured(200, 300))
    photos = tmp_path / "area" / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(b"a photo")
    (photos / ".hidden").write_bytes(b"not published")
    build_gallery([raster], tmp_path / "area", FakeEmbedder(), tile_size_m=50)
    return tmp_path / "area"


def report_of(model: Path, folder: Path, **changes) -> Path:
    made_by = fingerprint(load_network(model)[3], CONFIG)
    write_report(folder / "report.parquet", [], {**SUMMARY, "fingerprint": made_by, **changes})
    return folder / "report.parquet"


def test_a_model_is_published_and_loads_again(hub, model, tmp_path, capsys):
    line = [str(model), "me/atto", *SAID, "--report", str(report_of(model, tmp_path)), "--private"]
    assert main(line) == 0
    repo = hub.repos["models", "me/atto"]
    assert capsys.readouterr().out == f"Published: python app.py --model me/atto@{repo.refs['main']}\n"
    assert repo.private and sorted(repo.files) == ["README.md", "config.json", "model.safetensors"]
    assert load_network("me/atto")[3] == load_network(model)[3]
    assert main([*line, "--limits", "Others.", "--message", "Once more"]) == 0 and len(repo.commits) == 2


def test_the_card_of_a_model_is_complete(model, tmp_path, capsys):
    (tmp_path / "mine.toml").write_text('worlds = "runs/worlds"\nseed = 0\n')
    line = [str(model), "me/atto", *SAID, "--recipe", str(tmp_path / "mine.toml"), "--dry-run"]
    assert main([*line, "--report", str(report_of(model, tmp_path))]) == 0
    told = capsys.readouterr().out
    card = ModelCard(told)
    assert card.data.license == "apache-2.0" and card.data.pipeline_tag == "image-feature-extraction"
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert results == {"recall@1": 81.5, "recall@5": 90.0}
    headings = [line[3:] for line in card.text.splitlines() if line.startswith("## ")]
    assert headings == ["Data", "Recipe", "Preprocessing", "Figures", "Limits", "Files", "Responsible use"]
    assert "| university1652, drone-to-satellite, paper | 1,000 | 200 | 81.50 | 90.00 | 84.25 |" in card.text
    assert "bicubic to 64 px" in card.text and "320-d" in card.text and '```toml\nworlds = "runs/worlds"' in card.text
    assert load_network(model)[3] in card.text, "the hash of the weights"
    assert "last.pt" not in told and str(model.parent) not in told


def test_the_card_of_a_grid_says_how_its_numbers_come_about(tmp_path, capsys):
    config = replace(CONFIG, stages=3, grid=2, cell_channels=5, normalisation="half")
    save_model(tmp_path / "grid", MEAN.from_config(config), config)
    assert main([str(tmp_path / "grid"), "me/grid", *SAID, "--not-evaluated", "--dry-run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the map of convnext_atto after 3 stages as 2 x 2 cells, each projected to 5 numbers, 20-d" in told
    assert "mean (0.5, 0.5, 0.5)" in told and "pooled feature" not in told


def test_the_card_that_lies_in_the_folder_is_kept(model, tmp_path, capsys):
    folder = tmp_path / "mine"
    text = "---\nlicense: mit\n---\n# Mine\n\n## Data\n\n- **Limits**: all.\n"
    save_model(folder, MEAN.from_config(CONFIG), CONFIG, text)
    assert main([str(folder), "me/mine", "--recipe", "Seeds.", "--not-evaluated", "--dry-run"]) == 0
    card = ModelCard(capsys.readouterr().out)
    assert card.data.license == "mit" and "# Mine" in card.text and "Not evaluated." in card.text
    assert card.text.count("Data") == 1 and card.text.count("Limits") == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (DATA, "The card does not say the licence: give --license."),
        ([*LICENCE, *DATA], "The card says nothing on Recipe, Figures, Limits: give --recipe, --report or "),
        ([*SAID, "--recipe", "none.toml"], "There is no recipe none.toml"),
        ([*SAID, "--report", "none.parquet"], "There is no report none.parquet"),
    ],
)
def test_what_the_card_lacks_is_asked_for(model, changed, said, capsys):
    assert main([str(model), "me/atto", *changed, "--dry-run"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"push_to_hub: {said}") and not told.out and told.err.count("\n") == 1


def test_figures_of_other_weights_and_broken_models_are_not_published(model, tmp_path, capsys):
    report = report_of(model, tmp_path, fingerprint="0" * 16)
    assert main([str(model), "me/atto", *SAID, "--report", str(report), "--dry-run"]) == 2
    assert "A report is of other weights (0000000000000000" in capsys.readouterr().err
    (tmp_path / "config.json").write_text(json.dumps({"weights": "inference", **CONFIG.to_dict()}))
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    assert main([str(tmp_path), "me/atto", *SAID, "--dry-run"]) == 2
    assert "model.safetensors is damaged" in capsys.readouterr().err
    assert main([str(model), "atto", *SAID, "--not-evaluated", "--dry-run"]) == 2
    assert "give it as user/name" in capsys.readouterr().err


def test_a_calibration_is_published_with_what_it_is_about(hub, model, area, capsys):
    document = Calibration("0" * 16, "a test", {}).to_dict()
    folder = shutil.copytree(model, area.parent / "calibrated")
    for place in (folder, area):
        (place / "calibration.json").write_text(json.dumps(document))
    assert main([str(folder), "me/atto", *SAID, "--not-evaluated"]) == 0
    assert main([str(area), "me/area", *LICENCE, *DATA, "--limits", "Small."]) == 0
    assert all("calibration.json" in hub.repos[of].files for of in (("models", "me/atto"), ("datasets", "me/area")))
    with load_model("me/atto") as embedder:
        assert embedder.calibration == document
    (area / "calibration.json").write_text("{")
    capsys.readouterr()
    assert main([str(area), "me/area", *LICENCE, *DATA, "--limits", "Small.", "--dry-run"]) == 2
    assert "calibration.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "hf_another"])
def test_without_the_right_token_nothing_is_sent(hub, model, monkeypatch, capsys, token):
    monkeypatch.setenv("HF_TOKEN", token)
    assert main([str(model), "me/atto", *SAID, "--not-evaluated"]) == 2
    assert "You may not write to me/atto: log in" in capsys.readouterr().err
    assert not hub.repos


def test_a_gallery_is_published_as_a_dataset_and_opens_again(hub, area, capsys):
    assert main([str(area), "me/area", *LICENCE, *DATA, "--limits", "Small."]) == 0
    repo = hub.repos["datasets", "me/area"]
    assert capsys.readouterr().out == f"Published: python app.py --gallery me/area@{repo.refs['main']}\n"
    names = ["README.md", "gallery.json", "index.faiss", "photos/one.jpg", "region.tif", "tiles.parquet", "vectors.npy"]
    assert sorted(repo.files) == names
    card = DatasetCard(repo.files["README.md"].decode())
    assert card.data.license == "apache-2.0" and "tiles of 50 m with 50% overlap" in card.text
    assert "fingerprint `fake-8x8`" in card.text

    folder = fetch(Repo("me/area", kind="dataset"), FILES, ["*"])
    theirs, ours = Gallery.open(folder), Gallery.open(area)
    assert np.array_equal(theirs.vectors, ours.vectors) and not [each for each in check_gallery(theirs) if each.damage]
    assert np.array_equal(theirs.image(theirs.tile(0)), ours.image(ours.tile(0)))
    assert (folder / "photos" / "one.jpg").read_bytes() == b"a photo"


def test_a_gallery_of_pictures_is_whole_in_the_cache(hub, make_photos, tmp_path):
    """Pictures in the Hub's cache are links that lead out of their folder; they are the gallery's own all the same."""
    table = ["file,lon,lat", *(f"{number}.jpg,{0.01 * number},0" for number in range(3))]
    (tmp_path / "places.csv").write_text("\n".join(table))
    pictures = make_photos(3, "area/pictures")
    build_gallery([pictures], tmp_path / "area", FakeEmbedder(), positions=tmp_path / "places.csv")
    assert main([str(tmp_path / "area"), "me/area", *LICENCE, *DATA, "--limits", "Small."]) == 0
    folder = require_own_imagery(fetch(Repo("me/area", kind="dataset"), FILES, ["*"]))
    assert (folder / "pictures" / "0.jpg").is_symlink()
    theirs, ours = Gallery.open(folder), Gallery.open(tmp_path / "area")
    assert np.array_equal(theirs.image(theirs.tile(2)), ours.image(ours.tile(2)))


def test_a_mosaic_is_published_with_its_rasters(hub, tmp_path):
    for number in range(2):
        origin = (1_000_000 + 250 * number, 6_000_000)
        write_raster(tmp_path / "area" / "maps" / f"{number}.tif", origin=origin, pixels=textured(300, 300, number))
    ours = build_gallery([tmp_path / "area" / "maps"], tmp_path / "area", FakeEmbedder(), tile_size_m=80)
    assert main([str(tmp_path / "area"), "me/area", *LICENCE, *DATA, "--limits", "Small."]) == 0
    folder = require_own_imagery(fetch(Repo("me/area", kind="dataset"), FILES, ["*"]))
    theirs = Gallery.open(folder)
    assert {path.name for path in (folder / "maps").iterdir()} == {"0.tif", "1.tif"}
    assert np.array_equal(theirs.image(theirs.tile(len(theirs) - 1)), ours.image(ours.tile(len(ours) - 1)))


@pytest.mark.parametrize("noted", ["../runs/model", "timm:resnet50=../weights.pth", "a/b/c.pth"])
def test_a_model_of_this_machine_is_not_what_others_are_told(noted, area, hub, capsys):
    manifest = json.loads((area / "gallery.json").read_text())
    manifest["model"]["source"] = noted
    (area / "gallery.json").write_text(json.dumps(sealed(manifest)))
    line = [str(area), "me/area", *LICENCE, *DATA, "--limits", "Small."]
    assert main(line) == 2 and "say with --model where others find them" in capsys.readouterr().err
    assert main([*line, "--model", "me/atto@v1"]) == 0
    files = hub.repos["datasets", "me/area"].files
    assert json.loads(files["gallery.json"])["model"]["source"] == "me/atto@v1"
    assert noted not in files["README.md"].decode()


def test_imagery_outside_the_gallery_is_not_sent(tmp_path, capsys):
    raster = write_raster(tmp_path / "imagery.tif", pixels=textured(200, 300))
    build_gallery([raster], tmp_path / "area", FakeEmbedder(), tile_size_m=50)
    assert main([str(tmp_path / "area"), "me/area", *LICENCE, *DATA, "--limits", "y", "--dry-run"]) == 2
    with pytest.raises(GalleryError, match=r"names imagery outside its folder \(imagery\.tif\)"):
        require_own_imagery(tmp_path / "area")
    assert "imagery.tif does not lie within the gallery" in capsys.readouterr().err


def test_a_gallery_that_a_server_searches_is_not_published(tmp_path, capsys):
    pytest.importorskip("pymilvus", reason="pip install -r requirements-cluster.txt")
    raster = write_raster(tmp_path / "area" / "imagery.tif", pixels=textured(200, 300))
    build_gallery(
        [raster],
        tmp_path / "area",
        FakeEmbedder(),
        tile_size_m=50,
        options=BuildOptions(index=f"milvus:{tmp_path / 'v.db'}"),
    )
    assert main([str(tmp_path / "area"), "me/area", *LICENCE, *DATA, "--limits", "y", "--dry-run"]) == 2
    assert "build it with --index auto" in capsys.readouterr().err
