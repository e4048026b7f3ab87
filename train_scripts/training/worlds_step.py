"""One step of the training on simulated pairs: the losses of a batch, and their gradient held in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from mean_model.errors import ConfigError, MeanModelError
from mean_model.losses import Losses, LossWeights, info_nce, total
from mean_model.network import MEAN, TrainingOutputs
from train_scripts.data.simulator.pairs import Pairs
from train_scripts.training.step import network_input
from train_scripts.training.worlds_config import WorldsConfig

T = TypeVar("T")


def losses_of(network: MEAN, pairs: Pairs, config: WorldsConfig) -> Losses:
    """Forward both views and weigh the losses. Branches whose losses have no weight are not computed: half the time."""
    weights = config.weights
    scale = _scale(network)
    if not _has_branches(weights):
        drone, satellite = embeddings_of(network, torch.cat(pairs.views), config).chunk(2)
        contrast = info_nce(drone, satellite, scale, config.label_smoothing, pairs.same)
        nothing = contrast.new_zeros(())
        return Losses(weights.info_nce * contrast, contrast, nothing, nothing)
    drone_outputs, satellite_outputs = (_outputs(network, view, config) for view in pairs.views)
    return total(
        drone_outputs,
        satellite_outputs,
        pairs.place,
        scale,
        weights,
        label_smoothing=config.label_smoothing,
        same=pairs.same,
    )


def _has_branches(weights: LossWeights) -> bool:
    """Whether a loss looks at more than the pooled feature."""
    return bool(weights.classification or weights.alignment)


def backward(network: MEAN, pairs: Pairs, config: WorldsConfig) -> Losses:
    """Add the gradient of a batch's losses to the parameters, holding the graph of `config.chunk` pairs at a time.

    By gradient caching (Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", 2021):
    the embeddings of all pairs without a graph, the gradient of InfoNCE with respect to them, then each chunk forward
    again with that gradient. InfoNCE has its exact gradient over the whole batch. The other losses are means over each
    chunk, whose branches normalise over the chunk.
    """
    count, chunk = len(pairs.place), config.chunk or len(pairs.place)
    if chunk >= count:
        losses = losses_of(network, pairs, config)
        losses.total.backward()
        return losses
    weights, branches = config.weights, _has_branches(config.weights)
    parts = [pairs.part(slice(first, first + chunk)) for first in range(0, count, chunk)]
    if branches and len(parts[-1].place) < 2:
        raise ConfigError(f"chunk = {chunk} leaves one pair of {count} over, and the branches need two at least.")
    seeds = torch.randint(2**62, (len(parts), 2)).tolist()  # the second pass drops what the first one dropped
    with torch.no_grad():
        held = [_seeded(two, embeddings_of, network, part, config) for two, part in zip(seeds, parts, strict=True)]
    cached = [torch.cat(view).requires_grad_() for view in zip(*held, strict=True)]
    contrast = info_nce(cached[0], cached[1], _scale(network), config.label_smoothing, pairs.same)
    (weights.info_nce * contrast).backward()
    classes = alignment = contrast.new_zeros(())
    for number, (two, part) in enumerate(zip(seeds, parts, strict=True)):
        surrogate = contrast.new_zeros(())
        if branches:
            outputs = _seeded(two, _outputs, network, part, config)
            embeddings = [nn.functional.normalize(one.pooled, dim=1) for one in outputs]
            share = len(part.place) / count
            losses = total(outputs[0], outputs[1], part.place, 1.0, replace(weights, info_nce=0.0))
            surrogate = share * losses.total
            classes = classes + share * losses.classification.detach()
            alignment = alignment + share * losses.alignment.detach()
        else:
            embeddings = _seeded(two, embeddings_of, network, part, config)
        for whole, embedding in zip(cached, embeddings, strict=True):
            assert whole.grad is not None
            surrogate = surrogate + (embedding * whole.grad[number * chunk :][: len(embedding)]).sum()
        surrogate.backward()
    contrast = contrast.detach()
    weighted = weights.info_nce * contrast + weights.classification * classes + weights.alignment * alignment
    return Losses(weighted, contrast, classes, alignment)


def _scale(network: MEAN) -> Tensor:
    return network.logit_scale.exp().clamp(max=100)


def _seeded(
    seeds: Sequence[int],
    forward: Callable[[MEAN, Tensor, WorldsConfig], T],
    network: MEAN,
    pairs: Pairs,
    config: WorldsConfig,
) -> list[T]:
    """Each view forward with its random draws decided by a seed; leaves the generators as they were."""
    results = []
    with torch.random.fork_rng([pairs.drone.device] if pairs.drone.is_cuda else []):
        for seed, view in zip(seeds, pairs.views, strict=True):
            torch.manual_seed(seed)
            results.append(forward(network, view, config))
    return results


def embeddings_of(network: MEAN, pictures: Tensor, config: WorldsConfig) -> Tensor:
    """(B, D) float32 of length 1. Args: pictures: (B, 3, S, S) 0..255."""
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=config.bfloat16):
        return network(network_input(pictures, pictures.device, config.model)).float()


def _outputs(network: MEAN, pictures: Tensor, config: WorldsConfig) -> TrainingOutputs:
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=config.bfloat16):
        return _float(network.forward_training(network_input(pictures, pictures.device, config.model)))


def _float(outputs: TrainingOutputs) -> TrainingOutputs:
    first, second, third = outputs.logits
    return replace(
        outputs,
        pooled=outputs.pooled.float(),
        logits=(first.float(), second.float(), third.float()),
        aligned=outputs.aligned.float(),
    )


def check_finite(losses: Losses, step: int) -> None:
    """A loss that is not finite stays so, as the weights are spoilt: nothing is saved after it.

    Raises:
        MeanModelError: it is not finite.
    """
    if not torch.isfinite(losses.total):
        raise MeanModelError(
            f"The loss is not finite at step {step} (InfoNCE {losses.info_nce:.3g}, classes "
            f"{losses.classification:.3g}, alignment {losses.alignment:.3g}); lower learning_rate and resume."
        )
