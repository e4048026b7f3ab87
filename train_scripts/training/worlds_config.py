"""Settings of a training on simulated pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from train_scripts.data.simulator.pairs import FlightRange
from train_scripts.training.common_config import TrainingConfig


@dataclass(frozen=True)
class WorldsConfig(TrainingConfig):
    """Everything that a run depends on but the machine."""

    worlds: str = "runs/worlds"  # a folder of packed worlds, or gallery:DIR
    pictures: tuple[
        str, ...
    ] = ()  # folders of real ground from above, each picture a world: see data.simulator.orthophotos
    flights: tuple[str, ...] = ()  # folders of photos of one flight that look straight down: they overlap
    pictures_left_out: tuple[str, ...] = ()  # names of pictures that are not trained on, such as nepal*
    pictures_share: float = 0.25  # of a batch, where there are pictures
    tile_m: float = 0.0  # of a gallery's ground: side of the tiles to train; 0 takes that of the gallery's tiles
    start: str = "scratch"
    frozen_stages: int = (
        0  # of the backbone, from its input: they stay as they start, which costs them no backward pass
    )
    minutes: float = 60.0  # of training in all, over every resumption
    batch: int = 96
    chunk: int = 0  # pairs that the network holds at a time; 0: the whole batch. See `worlds_step.backward`
    worlds_per_batch: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.02
    ramp: float = 0.15  # share of the time over which the views go from easy to the whole flight range
    ema: float = 0.998
    seed: int = 0
    render_steps: int = 20
    photometry: float = 1.0
    bfloat16: bool = True
    save_every_s: float = 120.0
    piece_mib: float = 0.0  # largest piece, MiB, of the last checkpoint written in pieces, too; 0: no pieces
    flight: FlightRange = field(default_factory=FlightRange)
