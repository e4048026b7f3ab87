"""One step of training: the published sum of losses, and what each loss trains."""

import pytest
import torch

from mean_model.losses import LossWeights, total
from mean_model.network import MEAN
from tests.helpers.training import STEADY
from train_scripts.training.places_config import PlacesConfig, Terms
from train_scripts.training.step import Step, losses_of, precision_of


def test_one_step_is_the_published_sum_of_losses() -> None:
    torch.manual_seed(0)
    network = MEAN.from_config(STEADY).train()
    config = PlacesConfig(model=STEADY)
    views, labels = torch.randn(2, 4, 3, 32, 32), torch.tensor([0, 3, 1, 5])
    found = losses_of(Step(network, config)(*views), labels, config)
    outputs = [network.forward_training(view) for view in views]
    expected = total(outputs[0], outputs[1], labels, network.logit_scale.exp(), config.weights)
    for name in ("total", "info_nce", "classification", "alignment"):
        assert getattr(found, name).item() == pytest.approx(getattr(expected, name).item(), rel=1e-5), name


@pytest.mark.parametrize(
    ("weights", "terms", "trained"),
    [
        (LossWeights(0.0, 1.0, 0.0), Terms(heads=("linear",)), {"linear", "backbone"}),
        (LossWeights(1.0, 0.1, 0.0), Terms(heads=("pee",)), {"pee", "backbone", "logit_scale"}),
        (LossWeights(1.0, 0.1, 0.0), Terms(aligned_contrast=1.0), {"pee", "gee", "cea", "backbone", "logit_scale"}),
        (LossWeights(1.0, 0.0, 0.0), Terms(heads=()), {"backbone", "logit_scale"}),
        (LossWeights(), Terms(), {"pee", "gee", "cea", "backbone", "logit_scale"}),
    ],
)
def test_an_ablation_trains_what_a_loss_looks_at(weights: LossWeights, terms: Terms, trained: set[str]) -> None:
    config = PlacesConfig(model=STEADY, weights=weights, terms=terms)
    step = Step(MEAN.from_config(STEADY), config).train()
    losses_of(step(*torch.randn(2, 4, 3, 32, 32)), torch.tensor([0, 3, 1, 5]), config).total.backward()
    for name, parameter in step.named_parameters():
        part = name.removeprefix("network.").split(".")[0]
        assert parameter.requires_grad == (part in trained), name
        assert (parameter.grad is not None) == (part in trained), name


def test_half_of_cda_is_half_the_weight() -> None:
    network, views, labels = MEAN.from_config(STEADY).train(), torch.randn(2, 4, 3, 32, 32), torch.arange(4)
    values = {}
    for cosine in (0.0, 1.0):
        config = PlacesConfig(model=STEADY, terms=Terms(cosine=cosine))
        values[cosine] = losses_of(Step(network, config)(*views), labels, config).alignment.item()
    assert values[1.0] == pytest.approx(2 * values[0.0], rel=1e-5)


def test_a_cpu_takes_float32_where_a_gpu_takes_the_published_float16() -> None:
    config = PlacesConfig(precision="published")
    assert precision_of(config, torch.device("cpu")) == torch.float32
    assert precision_of(config, torch.device("cuda")) == torch.float16
