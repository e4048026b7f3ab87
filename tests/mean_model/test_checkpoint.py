"""Weights: saved and loaded without loss, refused by name when anything differs, fetched by the real Hub client."""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import mean_model.checkpoint as checkpoint
from mean_model.atomic_files import file_sha256
from mean_model.checkpoint import load_model, load_network, save_model
from mean_model.config import MeanConfig
from mean_model.embedder import fingerprint
from mean_model.errors import CheckpointError, ConfigError, MeanModelError
from mean_model.network import MEAN
from mean_model.source import BUNDLED
from tests.helpers.bad_files import picture

ATTO = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)


@pytest.fixture(scope="module")
def network() -> MEAN:
    torch.manual_seed(0)
    return MEAN.from_config(ATTO).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def saved(tmp_path: Path, network: MEAN) -> Path:
    save_model(tmp_path / "atto", network, ATTO, "# A card\n")
    return tmp_path / "atto"


def rewrite(folder: Path, change) -> None:
    """Change the tensors of a saved model."""
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")


def reconfigure(folder: Path, **settings) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def refusal(source) -> str:
    """The sentence that loading ends with; it holds no path."""
    with pytest.raises(MeanModelError) as caught:
        load_network(source)
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said
    if isinstance(source, Path):
        assert str(source.parent) not in said
    return said


@pytest.mark.parametrize("weights", ["inference", "full"])
def test_saving_and_loading_in_float32_changes_nothing(tmp_path, network, images, weights):
    save_model(tmp_path, network, ATTO, weights=weights, dtype=torch.float32)
    name, loaded, config, _ = load_network(tmp_path)
    assert (name, config) == (tmp_path.name, ATTO)
    with torch.no_grad():
        assert torch.equal(loaded(images), network(images))
    assert not any(value.is_meta for value in (*loaded.parameters(), *loaded.buffers()))
    assert not loaded.training


def test_half_precision_is_the_default_and_hardly_changes_an_embedding(saved, network, images):
    assert {value.dtype for value in load_file(saved / "model.safetensors").values()} == {torch.float16}
    loaded = load_network(saved)[1]
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    with torch.no_grad():
        assert (loaded(images) * network(images)).sum(1).min() > 0.9999


def test_what_was_saved_once_is_saved_again_bit_by_bit(saved, tmp_path):
    _, loaded, config, sha256 = load_network(saved)
    save_model(tmp_path / "again", loaded, config)
    assert load_network(tmp_path / "again")[3] == sha256


def test_full_weights_hold_everything_that_training_needs(tmp_path, network, images):
    save_model(tmp_path, network, ATTO, weights="full", dtype=torch.float32)
    loaded = load_network(tmp_path)[1]
    assert loaded.state_dict().keys() == network.state_dict().keys()
    with torch.no_grad():
        outputs, expected = loaded.forward_training(images), network.forward_training(images)
    assert torch.equal(outputs.aligned, expected.aligned)
    assert all(torch.equal(a, b) for a, b in zip(outputs.logits, expected.logits, strict=True))


def test_inference_weights_say_so_when_training_is_asked_of_them(saved, tmp_path, images):
    assert json.loads((saved / "config.json").read_text())["weights"] == "inference"
    loaded = load_network(saved)[1]
    assert isinstance(loaded, MEAN)
    assert set(loaded.state_dict()) == {*loaded.inference_state_dict(), "logit_scale"}
    assert loaded.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    with pytest.raises(CheckpointError, match="inference only and hold no PEE branch"):
        loaded.forward_training(images)
    with pytest.raises(CheckpointError, match="no training branches to save"):
        save_model(tmp_path / "full", loaded, ATTO, weights="full")


def test_the_weights_stay_in_the_file(tmp_path, network):
    """Float32 weights are mapped, not read: the process has the file open in its memory."""
    save_model(tmp_path, network, ATTO, dtype=torch.float32)
    loaded = load_network(tmp_path)[1]
    if sys.platform.startswith("linux"):
        assert str(tmp_path / "model.safetensors") in Path("/proc/self/maps").read_text()
    assert loaded.dimension == 320


def test_every_form_of_a_local_source(saved, monkeypatch):
    names = {str(source): load_network(source)[0] for source in (saved, str(saved), saved / "model.safetensors")}
    assert set(names.values()) == {"atto", "model.safetensors"}
    monkeypatch.chdir(saved.parent)
    assert load_network("atto")[0] == "atto"
    monkeypatch.chdir(saved)
    assert load_network(".")[0] == "atto"
    monkeypatch.setattr(checkpoint, "BUNDLED_FOLDER", saved / "absent")
    for name in BUNDLED:
        assert f"{name} weights are not installed" in refusal(name)


def test_every_name_of_bundled_weights_loads_them():
    folders = {folder.name for folder in checkpoint.BUNDLED_FOLDER.iterdir()}
    assert folders == set(BUNDLED)
    loaded = {name: load_network(name) for name in BUNDLED}
    assert {name: (facts[0], facts[1].dimension) for name, facts in loaded.items()} == {
        "starter": ("starter", 320),
        "real-ground": ("real-ground", 384),
    }
    assert load_network()[3] == loaded["starter"][3]


def test_load_model_gives_a_working_embedder(saved):
    with load_model(saved, device="cpu", precision="float32") as embedder:
        vectors = embedder.embed([picture()])
        assert (embedder.name, embedder.dimension, vectors.shape) == ("atto", 320, (1, 320))


def test_a_saved_folder_is_whole_and_readable_by_others(saved):
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in saved.iterdir())


def test_a_failed_save_leaves_the_old_weights(saved, network, monkeypatch):
    before = (saved / "model.safetensors").read_bytes()

    def full_disk(*_args, **_options):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_model(saved, network, ATTO)
    assert (saved / "model.safetensors").read_bytes() == before
    assert len(list(saved.iterdir())) == 3


def test_numbers_too_large_for_half_precision_are_not_saved(tmp_path, network):
    large = MEAN.from_config(ATTO)
    large.load_state_dict(network.state_dict())
    with torch.no_grad():
        large.backbone.stem[0].bias[0] = 1e6
    with pytest.raises(CheckpointError, match=r"backbone\.stem\.0\.bias .*float16.*float32"):
        save_model(tmp_path, large, ATTO)
    save_model(tmp_path, large, ATTO, dtype=torch.float32)
    with pytest.raises(ConfigError, match="'inference' or 'full'"):
        save_model(tmp_path, large, ATTO, weights="some")  # type: ignore[arg-type]


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_missing_and_unknown_tensors_are_named(saved):
    def change(state):
        state["backbone.stem.9.bias"] = state.pop("backbone.stem.0.bias")

    rewrite(saved, change)
    assert refusal(saved) == (
        "model.safetensors does not fit its config.json: it misses backbone.stem.0.bias; "
        "it holds the unknown backbone.stem.9.bias."
    )


def test_other_shapes_are_named(saved):
    rewrite(saved, lambda state: state.update({"backbone.stem.0.bias": torch.zeros(7)}))
    assert "backbone.stem.0.bias is (7,) and not (40,)" in refusal(saved)


def test_a_config_of_another_network_is_refused(saved):
    reconfigure(saved, backbone="convnext_pico")
    assert "model.safetensors does not fit its config.json" in refusal(saved)
    reconfigure(saved, backbone="convnext_atto", weights="full")
    assert re.search(r"it misses .*and \d+ more", refusal(saved))


def test_full_weights_called_inference_are_refused(tmp_path, network):
    save_model(tmp_path, network, ATTO, weights="full")
    reconfigure(tmp_path, weights="inference")
    assert "it holds the unknown cea." in refusal(tmp_path)


@pytest.mark.parametrize("cut", [0, 7, 500, -1])
def test_truncated_weights_are_refused(saved, cut):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    assert "model.safetensors is damaged or no safetensors file" in refusal(saved)


def test_weights_that_are_no_numbers_are_refused(saved):
    rewrite(saved, lambda state: state["backbone.stem.0.bias"].fill_(math.nan))
    assert "values in backbone.stem.0.bias that are no numbers" in refusal(saved)
    rewrite(saved, lambda state: state.update({"backbone.stem.0.bias": torch.zeros(40, dtype=torch.int64)}))
    assert "backbone.stem.0.bias as torch.int64" in refusal(saved)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "config.json is no readable JSON"),
        ("[" * 100_000, "config.json is no readable JSON"),
        ("[]", "config.json is no JSON object"),
        ("{}", "weights is None in config.json"),
        ('{"architectures": ["ViTModel"], "model_type": "vit"}', "another kind of model (['ViTModel'])"),
        ('{"weights": "inference", "colour": 1}', "config.json: Unknown setting colour"),
        ('{"weights": "inference", "image_size": "384"}', "config.json: image_size"),
        ('{"weights": "inference", "backbone": "vit_small_patch16_224"}', "makes no map of 32 px a location"),
        ('{"weights": "inference", "stages": 5, "grid": 2}', "stages is 5 and convnext_tiny has 4"),
        ('{"weights": "inference", "image_size": 64, "grid": 3}', "the map of convnext_tiny is only 2 locations wide"),
        ('{"weights": "inference", "backbone": "convnext_huge"}', "timm knows no model named 'convnext_huge'"),
    ],
)
def test_a_wrong_config_is_refused(saved, text, words):
    (saved / "config.json").write_text(text)
    assert words in refusal(saved)


def test_what_is_not_there_is_named_without_its_path(saved, tmp_path):
    assert "There are no weights absent" in refusal(tmp_path / "absent")
    assert "There are no weights absent.pth" in refusal("some/absent.pth")
    (tmp_path / "notes.txt").write_text("text")
    assert "notes.txt holds no weights" in refusal(tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    assert "The folder empty has no config.json" in refusal(tmp_path / "empty")
    (saved / "config.json").unlink()
    assert "no config.json beside the weights" in refusal(saved / "model.safetensors")
    (tmp_path / "wrong.pth").write_bytes(b"PK\x03\x04")
    assert "wrong.pth" in refusal(tmp_path / "wrong.pth")


# --- published weights -----------------------------------------------------------------------------------------------


def test_published_weights_load_through_the_key_table(tmp_path):
    from mean_model.published import DROPPED, RENAMED

    torch.manual_seed(0)
    ours = MEAN.from_config(MeanConfig(classes=2)).eval()
    state = ours.state_dict()
    theirs = {name: state[mapped] for name, mapped in RENAMED.items()} | {name: torch.zeros(1) for name in DROPPED}
    torch.save(theirs, tmp_path / "weights.pth")
    name, loaded, config, _ = load_network(tmp_path / "weights.pth")
    assert (name, config) == ("weights.pth", MeanConfig(classes=2, resize="bilinear"))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(image), ours(image))


# --- other methods ---------------------------------------------------------------------------------------------------


def test_a_file_of_another_method_embeds_photos_but_is_no_mean(tmp_path):
    torch.manual_seed(0)
    state = timm.create_model("convnext_tiny", num_classes=0).state_dict()
    wrapped = {f"model.{name}": value for name, value in state.items()}
    torch.save({"logit_scale": torch.ones(()), **wrapped}, tmp_path / "w.pth")
    with load_model(tmp_path / "w.pth", device="cpu", precision="float32") as embedder:
        vectors = embedder.embed([picture()])
        assert (embedder.name, embedder.image_size, embedder.config.method) == ("w.pth", 384, "Sample4Geo")
        assert vectors.shape == (1, 768) and np.linalg.norm(vectors) == pytest.approx(1, abs=1e-6)
        as_mean = fingerprint(file_sha256(tmp_path / "w.pth"), MeanConfig())
        assert embedder.fingerprint != as_mean, "another normalisation or rule is another fingerprint"
    assert "w.pth is no MEAN" in refusal(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:5000])
    assert "w.pth cannot be read safely" in refusal(tmp_path / "w.pth")


def test_a_plain_timm_model_from_a_file(tmp_path):
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", num_classes=10).state_dict(), tmp_path / "vit.safetensors")
    with load_model(f"timm:test_vit={tmp_path / 'vit.safetensors'}", device="cpu", precision="float32") as embedder:
        assert embedder.embed([picture()]).shape == (1, embedder.dimension)
        assert (embedder.name, embedder.image_size) == ("timm:test_vit", 160)
        assert embedder.config.mean == (0.5, 0.5, 0.5)
    assert "timm knows no model nothing" in refusal("timm:nothing")
    assert "There is no file absent.pth" in refusal("timm:test_vit=some/absent.pth")
    assert "not the weights of timm (resnet18)" in refusal(f"timm:resnet18={tmp_path / 'vit.safetensors'}")


@pytest.mark.parametrize("source", ["a" * 5000, "a/" * 2500, "a\0b"])
def test_a_name_that_no_file_can_have_is_a_sentence(source):
    with pytest.raises(MeanModelError):
        load_model(source)
