"""The MEAN network: shapes, laws of an embedding, parameter counts, and that nothing is downloaded."""

import json
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from mean_model.checkpoint import load_network, save_model
from mean_model.config import MeanConfig
from mean_model.errors import ConfigError
from mean_model.network import MEAN

ATTO = MeanConfig(backbone="convnext_atto", image_size=64, classes=5)


def photos(count: int, side_px: int = 64, seed: int = 0) -> Tensor:
    return torch.randn((count, 3, side_px, side_px), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def atto() -> MEAN:
    torch.manual_seed(0)
    return MEAN.from_config(ATTO).eval()


def test_embeddings_are_unit_rows(atto: MEAN) -> None:
    embeddings = atto(photos(3))
    assert embeddings.shape == (3, atto.dimension) == (3, 320)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


def test_an_embedding_does_not_depend_on_its_neighbours(atto: MEAN) -> None:
    torch.testing.assert_close(atto(photos(3))[1:2], atto(photos(3)[1:2]))


def test_the_embedding_is_the_pooled_feature_at_length_1(atto: MEAN) -> None:
    pooled = atto.forward_training(photos(3)).pooled
    torch.testing.assert_close(atto(photos(3)), pooled / pooled.norm(dim=1, keepdim=True))


def test_half_precision_still_gives_unit_rows_in_float32(atto: MEAN) -> None:
    half = MEAN.from_config(ATTO).eval()
    half.load_state_dict(atto.state_dict())
    embeddings = half.bfloat16()(photos(3).bfloat16())
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    assert (embeddings * atto(photos(3))).sum(dim=1).min() > 0.99


@pytest.mark.parametrize("classes", [1, 5, 2000])
def test_training_outputs_have_the_promised_shapes(classes: int) -> None:
    network = MEAN.from_config(MeanConfig(backbone="convnext_atto", classes=classes))
    outputs = network.forward_training(photos(2, side_px=96))
    assert outputs.pooled.shape == (2, 320)
    assert [logits.shape for logits in outputs.logits] == [(2, classes)] * 3
    assert [embedding.shape for embedding in outputs.embeddings] == [(2, 512)] * 3
    assert outputs.aligned.shape == (2, 512, 9)


def test_every_parameter_learns_from_the_training_outputs() -> None:
    network = MEAN.from_config(ATTO)
    outputs = network.forward_training(photos(3))
    parts = [*outputs.logits, outputs.aligned, outputs.pooled * network.logit_scale]
    sum((part * torch.randn_like(part)).sum() for part in parts).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("backbone", "dimension"),
    [("atto", 320), ("femto", 384), ("pico", 512), ("nano", 640), ("tiny", 768), ("small", 768), ("base", 1024)],
)
def test_branches_scale_to_every_backbone(backbone: str, dimension: int) -> None:
    with torch.device("meta"):
        network = MEAN.from_config(MeanConfig(backbone=f"convnext_{backbone}"))
        outputs = network.forward_training(torch.empty(2, 3, 64, 64))
    assert network.dimension == dimension == outputs.pooled.shape[1]
    assert outputs.aligned.shape == (2, 512, 4)


def test_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = MEAN.from_config(MeanConfig())
    counts = network.parameter_counts()
    assert counts.inference == sum(parameter.numel() for parameter in network.inference_parameters())
    assert counts.training == sum(parameter.numel() for parameter in network.parameters())
    assert f"{counts.inference / 1e6:.3f}" == "27.820"
    assert f"{counts.published / 1e6:.3f}" == "36.499"
    assert counts.published - counts.training == 768 * 1000 + 1000
    assert "27.820 M parameters at inference" in network.describe()


def test_inference_tensors_decide_the_embedding(atto: MEAN) -> None:
    other = MEAN.from_config(ATTO).eval()
    kept = atto.inference_state_dict()
    missing, unexpected = other.load_state_dict(kept, strict=False)
    assert not unexpected
    assert all(name.startswith(("pee.", "gee.", "cea.", "logit_scale")) for name in missing)
    assert torch.equal(other(photos(2)), atto(photos(2)))
    assert sum(p.numel() for p in atto.inference_parameters()) == sum(tensor.numel() for tensor in kept.values())


LITE = MeanConfig(
    "tf_efficientnet_lite0", 64, 5, stages=4, grid=2, cell_channels=6, embedding_channels=8, aligned_channels=8
)


def test_a_grid_embedding_is_that_of_the_map_and_is_saved_with_the_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MEAN.from_config(LITE).eval()
    assert network.grid is not None and network(photos(2)).shape == (2, 24)
    with torch.no_grad():
        expected = network.grid(network.backbone.forward_features(photos(2)))
        torch.testing.assert_close(network(photos(2)), expected / expected.norm(dim=1, keepdim=True))
    save_model(tmp_path, network, LITE, dtype=torch.float32)
    _, again, config, _ = load_network(tmp_path)
    assert config == LITE and torch.equal(again(photos(2)), network(photos(2)))
    assert network.parameter_counts().inference == sum(p.numel() for p in again.inference_parameters())


def test_the_batch_norms_of_a_backbone_stay_as_they_were_trained() -> None:
    network = MEAN.from_config(LITE).train()
    before = network.backbone.bn1.running_mean.clone()
    alone, together = (network.forward_training(photos(4)[:count]).pooled for count in (2, 4))
    torch.testing.assert_close(together[:2], alone)
    assert torch.equal(network.backbone.bn1.running_mean, before) and network.cea.training


@pytest.mark.parametrize("asked", [False, True])
def test_weights_are_fetched_only_when_asked(monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    seen = []
    create = timm.create_model

    def offline(name: str, *, pretrained: bool, **settings: object) -> torch.nn.Module:
        seen.append(pretrained)
        return create(name, pretrained=False, **settings)

    monkeypatch.setattr(timm, "create_model", offline)
    MEAN.from_config(ATTO, pretrained=True) if asked else MEAN.from_config(ATTO)
    assert seen == [asked]


def test_an_unknown_backbone_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no model named 'convnext_gigantic'"):
        MEAN.from_config(MeanConfig(backbone="convnext_gigantic"))


def test_a_network_comes_back_from_its_config_and_tensors(atto: MEAN) -> None:
    again = MEAN.from_config(MeanConfig.from_dict(json.loads(json.dumps(ATTO.to_dict())))).eval()
    again.load_state_dict(atto.state_dict())
    assert torch.equal(again(photos(2)), atto(photos(2)))
