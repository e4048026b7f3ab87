"""What the trainings share: the learning rate, the optimisers of simulated pairs, averaged weights, checkpoints."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mean_model import atomic_files
from mean_model.errors import CheckpointError
from mean_model.network import MEAN
from train_scripts.training.common_config import TrainingConfig
from train_scripts.training.muon import Muon

N = TypeVar("N", bound=nn.Module)


def rate_at(share: float, config: TrainingConfig, least: float = 0.0) -> float:
    """Learning rate after this share, 0 to 1, of the training: linear warm-up, then a cosine to `least` of the peak."""
    if share < config.warmup:
        return config.learning_rate * share / config.warmup
    progress = min(1.0, (share - config.warmup) / max(1 - config.warmup, 1e-9))
    return config.learning_rate * (least + (1 - least) * 0.5 * (1 + math.cos(math.pi * progress)))


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Let the next steps have this learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def optimizers_of(network: MEAN, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Muon for the backbone's matrices, AdamW for all else; vectors and scalars do not decay.

    The stem and the depthwise filters are few small filters rather than matrices: they stay with AdamW.
    """
    matrices = [
        p
        for name, p in network.backbone.named_parameters()
        if p.ndim > 1 and p.shape[1] > 3 and not name.startswith("stem")
    ]
    taken = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in taken]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [Muon(matrices, lr=0.0, weight_decay=weight_decay), torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98))]


def copied(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors as they are now: where an average begins."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def update_average(average: Mapping[str, Tensor], now: Mapping[str, Tensor], decay: float) -> None:
    """Exponential moving average of every floating tensor; counters are copied. A decay of 0 copies all."""
    for name, held in average.items():
        if held.is_floating_point() and decay:
            held.lerp_(now[name].detach(), 1 - decay)
        else:
            held.copy_(now[name])


def averaged(network: N, average: Mapping[str, Tensor]) -> N:
    """The network, on its device, with the averaged weights."""
    network = copy.deepcopy(network)
    network.load_state_dict(average)
    return network


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write beside the path and rename: a kill leaves the old one."""
    atomic_files.replace(path, partial(torch.save, dict(state)))


def read_checkpoint(path: Path, keys: Collection[str]) -> dict[str, Any]:
    """The state that was written, its tensors in main memory.

    Raises:
        CheckpointError: it is damaged, or one of the keys is not in it.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {key: state[key] for key in keys}
    except (RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path.name} is damaged or no checkpoint of this program: remove it to begin anew."
        ) from error
