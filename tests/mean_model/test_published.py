"""The authors' checkpoints: every tensor accounted for, and the numbers that their code computed from such weights."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mean_model import losses
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError
from mean_model.network import MEAN, TrainingOutputs
from mean_model.published import DROPPED, RENAMED, convert, is_published
from tests.helpers import DATA, seeded_weights

SHAPES = {
    name: tuple(shape) for name, shape in json.loads((DATA / "mean_published_state_dict.json").read_text()).items()
}
DRONE, SATELLITE = range(10, 14), range(20, 24)
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """What torch.load would give for a published file; tests change copies of it."""
    return {name: torch.from_numpy(np.asarray(seeded_weights.tensor(name, shape))) for name, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def network(published: dict[str, Tensor]) -> MEAN:
    config, state = convert(published)
    network = MEAN.from_config(config)
    network.load_state_dict(state)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


@pytest.fixture(scope="module")
def trained(network: MEAN) -> dict[str, TrainingOutputs]:
    """Outputs in train mode, satellites first; the running statistics are put back."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    with torch.no_grad():
        views = {
            view: network.forward_training(images(ids, 128)) for view, ids in (("sat", SATELLITE), ("drone", DRONE))
        }
    network.load_state_dict(before)
    return views


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(DATA / "mean_published_golden.npz") as numbers:
        return dict(numbers)


def images(ids: range, side_px: int) -> Tensor:
    return torch.from_numpy(np.stack([seeded_weights.image(i, side_px) for i in ids]))


def difference(ours: Tensor, theirs: np.ndarray) -> float:
    assert tuple(ours.shape) == theirs.shape
    return float(np.abs(ours.detach().numpy() - theirs).max())


@pytest.mark.parametrize("side_px", [384, 256])
def test_embeddings_equal_the_published_ones(network: MEAN, golden: dict[str, np.ndarray], side_px: int) -> None:
    network.eval()
    with torch.no_grad():
        features = network.backbone.forward_features(images(range(2), side_px))
        pooled = network.backbone.forward_head(features)
        embeddings = network(images(range(2), side_px))
    gap = golden[f"eval_{side_px}_gap"]
    assert difference(pooled, gap) < TOLERANCE
    assert difference(features.mean(dim=(2, 3)), golden[f"eval_{side_px}_map_mean_hw"]) < TOLERANCE
    assert difference(features[:, :, 0, 0], golden[f"eval_{side_px}_map_corner"]) < TOLERANCE
    assert difference(embeddings, gap / np.linalg.norm(gap, axis=1, keepdims=True)) < TOLERANCE


@pytest.mark.parametrize("view", ["sat", "drone"])
def test_training_outputs_equal_the_published_ones(
    trained: dict[str, TrainingOutputs], golden: dict[str, np.ndarray], view: str
) -> None:
    outputs = trained[view]
    assert difference(outputs.pooled, golden[f"train_{view}_gap"]) < TOLERANCE
    assert difference(outputs.aligned[:, :, ::4], golden[f"train_{view}_cea"]) < TOLERANCE
    for head in range(3):
        assert difference(outputs.logits[head], golden[f"train_{view}_logits{head}"]) < TOLERANCE
        assert difference(outputs.embeddings[head], golden[f"train_{view}_embed{head}"]) < TOLERANCE


def test_losses_equal_the_published_ones(
    network: MEAN, trained: dict[str, TrainingOutputs], golden: dict[str, np.ndarray]
) -> None:
    labels = torch.tensor([5, 17, 300, 700])
    summed = losses.total(trained["sat"], trained["drone"], labels, network.logit_scale.exp(), losses.UNIVERSITY_1652)
    assert difference(summed.info_nce, golden["loss_infonce"]) < TOLERANCE
    assert difference(summed.classification, golden["loss_cls"]) < TOLERANCE
    assert difference(summed.alignment, golden["loss_cda"]) < TOLERANCE
    assert difference(summed.total, golden["loss_total_university"]) < TOLERANCE


def test_each_of_the_257_tensors_is_renamed_or_dropped_by_name() -> None:
    assert len(SHAPES) == 257 == len(RENAMED) + len(DROPPED)
    assert SHAPES.keys() == RENAMED.keys() | DROPPED.keys()
    assert max(Counter(RENAMED.values()).values()) == 1
    with torch.device("meta"):
        ours = MEAN.from_config(MeanConfig()).state_dict()
    assert set(RENAMED.values()) == ours.keys()
    assert {theirs: tuple(ours[name].shape) for theirs, name in RENAMED.items()} == {
        theirs: SHAPES[theirs] for theirs in RENAMED
    }


def test_every_published_parameter_is_counted(network: MEAN) -> None:
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    sizes = {name: int(np.prod(shape)) for name, shape in SHAPES.items() if not name.endswith(buffers)}
    counts = network.parameter_counts()
    assert sum(sizes.values()) == counts.training + sum(sizes[name] for name in DROPPED)
    assert f"{sum(sizes.values()) / 1e6:.3f}" == f"{counts.published / 1e6:.3f}" == "36.499"


def test_the_values_arrive_unchanged(published: dict[str, Tensor]) -> None:
    config, state = convert(published)
    assert config.classes == 701
    assert all(torch.equal(state[ours], published[theirs]) for theirs, ours in RENAMED.items())


def test_the_number_of_places_comes_from_the_file(published: dict[str, Tensor]) -> None:
    sues = {name: value[:120] if ".classifier." in name else value for name, value in published.items()}
    config, state = convert(sues)
    MEAN.from_config(config).load_state_dict(state)
    assert config.classes == 120


def test_the_prefix_of_data_parallel_is_understood(published: dict[str, Tensor]) -> None:
    _, state = convert({f"module.{name}": value for name, value in published.items()})
    assert torch.equal(state["logit_scale"], published["logit_scale"])


def test_half_precision_files_become_float32(published: dict[str, Tensor]) -> None:
    _, state = convert(
        {name: value.half() if value.is_floating_point() else value for name, value in published.items()}
    )
    assert state["backbone.stem.0.weight"].dtype == torch.float32
    assert state["cea.msf.norm.num_batches_tracked"].dtype == torch.int64


def test_unknown_and_missing_names_are_listed(published: dict[str, Tensor]) -> None:
    changed = dict(published)
    changed["model_1.extra.weight"] = changed.pop("model_1.DEG.FC1.weight")
    del changed["w_blocks3"]
    with pytest.raises(CheckpointError) as error:
        convert(changed)
    assert "unknown model_1.extra.weight; missing model_1.DEG.FC1.weight, w_blocks3." in str(error.value)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_no_tensor_may_be_missing(name: str) -> None:
    shapes_only = {other: torch.empty(0) for other in SHAPES if other != name}
    with pytest.raises(CheckpointError, match=rf"missing {name.replace('.', '[.]')}[.]$"):
        convert(shapes_only)


def test_a_file_of_another_network_gives_a_readable_sentence(published: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"unknown .*, and 250 more; missing ") as error:
        convert({f"layer.{i}": torch.empty(0) for i in range(300)})
    assert all(name in str(error.value) for name in SHAPES)
    with pytest.raises(CheckpointError, match="missing"):
        convert({})


def test_every_wrong_shape_is_listed(published: dict[str, Tensor]) -> None:
    changed = published | {"model_1.MSF.conv1.bias": torch.zeros(7), "logit_scale": torch.zeros(1)}
    with pytest.raises(CheckpointError) as error:
        convert(changed)
    assert "logit_scale is (1,), expected ()" in str(error.value)
    assert "model_1.MSF.conv1.bias is (7,), expected (512,)" in str(error.value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (torch.zeros(()), "has shape"),
        (torch.zeros(1).expand(10**9, 512), "has shape"),
        (torch.empty(701, 512, device="meta"), "no plain arrays of numbers: model_1.classifier1.classifier.weight"),
        (torch.zeros(701, 512).to_sparse(), "no plain arrays of numbers: model_1.classifier1.classifier.weight"),
        (torch.zeros(701, 512, dtype=torch.complex64), "no plain arrays"),
        (torch.full((701, 512), torch.nan), "no finite numbers: model_1.classifier1.classifier.weight"),
    ],
    ids=["scalar", "claims to be huge", "meta", "sparse", "complex", "not finite"],
)
def test_a_tensor_without_numbers_is_refused(published: dict[str, Tensor], value: Tensor, says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        convert(published | {"model_1.classifier1.classifier.weight": value})


def test_the_file_is_told_by_its_names(published: dict[str, Tensor]) -> None:
    assert is_published(published)
    assert not is_published({"model_1.convnext.norm.bias": torch.zeros(1), "model_1.proj.mlp.0.weight": torch.zeros(1)})
