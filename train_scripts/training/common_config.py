"""What every training is told, whatever its pairs are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from mean_model.config import MeanConfig
from mean_model.losses import LossWeights


@dataclass(frozen=True)
class TrainingConfig:
    """Settings that both kinds of training share. The defaults are those published for University-1652."""

    out: str = "runs/train"  # checkpoint and finished weights
    start: str = "imagenet"  # see train_scripts.training.initial_weights.init_network
    batch: int = 64  # pairs in a batch, over all processes: what InfoNCE tells apart
    learning_rate: float = 1e-3
    weight_decay: float = 0.01  # torch's default for AdamW, which the published code leaves
    warmup: float = 0.1  # share of the training
    label_smoothing: float = 0.1  # of InfoNCE
    ema: float = 0.0  # decay of the averaged weights that are evaluated and saved; 0 for none
    gamma: float = 0.3  # layer scale at the start from scratch
    seed: int = 1
    model: MeanConfig = field(default_factory=MeanConfig)
    weights: LossWeights = field(default_factory=LossWeights)
