"""The optimiser of a training on places: AdamW or SGD, a rate of its own for the backbone, a cosine or steps."""

from __future__ import annotations

import torch

from train_scripts.training.method_step import MethodStep
from train_scripts.training.optimisation import rate_at
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.step import Step


def places_optimizer(step: Step | MethodStep, config: PlacesConfig) -> torch.optim.Optimizer:
    """The optimiser of what is trained; `share` of a group is its rate's part of the learning rate."""
    backbone = {id(parameter) for parameter in step.network.backbone.parameters()}
    trained = [parameter for parameter in step.parameters() if parameter.requires_grad]
    if config.backbone_rate == 1:
        groups = [{"params": trained, "share": 1.0}]
    else:
        groups = [
            {"params": [one for one in trained if id(one) in backbone], "share": config.backbone_rate},
            {"params": [one for one in trained if id(one) not in backbone], "share": 1.0},
        ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=config.weight_decay)


def places_rate(share: float, config: PlacesConfig) -> float:
    """Learning rate after this share, 0 to 1, of the training: as `rate_at`, or in steps where the config has them."""
    if not config.rate_steps:
        return rate_at(share, config)
    warm = min(1.0, share / config.warmup) if config.warmup else 1.0
    return config.learning_rate * warm * config.rate_factor ** sum(share >= one for one in config.rate_steps)


def set_places_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step have this learning rate, each group its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]
