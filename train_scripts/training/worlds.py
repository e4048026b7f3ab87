"""Training on simulated pairs, by the clock: of packed worlds, as the starter was made, or of a gallery's own ground.

`train_scripts.train` runs it for configs with `worlds = "FOLDER"` or `worlds = "gallery:DIR"`. It goes on from its last
checkpoint.
"""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mean_model.checkpoint import save_model
from mean_model.config import MeanConfig
from mean_model.losses import Losses
from mean_model.network import MEAN
from train_scripts import pieces
from train_scripts.data.simulator.pairs import Pairs
from train_scripts.training.grounds import Grounds, open_worlds, prepared
from train_scripts.training.initial_weights import brings_embedding, freeze, init_network
from train_scripts.training.logging import Pace
from train_scripts.training.optimisation import (
    averaged,
    copied,
    optimizers_of,
    rate_at,
    read_checkpoint,
    set_rate,
    update_average,
    write_checkpoint,
)
from train_scripts.training.step import network_input
from train_scripts.training.worlds_config import WorldsConfig
from train_scripts.training.worlds_step import backward, check_finite

log = logging.getLogger("train")

LEAST_SHARE = 1e-3
"""Share of the time whose rate the very first step has already."""

LEAST_RATE = 0.01
"""Share of the peak rate that is left at the end."""

STATE = ("network", "average", "optimizers", "generator", "torch_rng", "step", "seconds")
"""Keys of a checkpoint."""


@dataclass
class WorldsRun:
    """A training by the clock: the state that a checkpoint holds."""

    network: MEAN
    average: dict[str, Tensor]
    optimizers: list[torch.optim.Optimizer]
    generator: torch.Generator
    step: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write the checkpoint."""
        write_checkpoint(path, {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
            "torch_rng": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        })  # fmt: skip

    def restore(self, path: Path) -> None:
        """Go on from the checkpoint.

        Raises:
            CheckpointError: it is damaged.
        """
        state = read_checkpoint(path, STATE)
        self.network.load_state_dict(state["network"])
        update_average(self.average, state["average"], 0.0)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_rng"])
        self.step, self.seconds = state["step"], state["seconds"]


def start_run(config: WorldsConfig, device: torch.device) -> WorldsRun:
    """Fresh weights, or those of `config.start`."""
    torch.manual_seed(config.seed)
    network = init_network(config.model, config.start, "backbone", config.gamma)
    freeze(network, config.frozen_stages)
    network.to(device).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(config.seed)
    return WorldsRun(network, copied(network), optimizers_of(network, config.weight_decay), generator)


@torch.no_grad()
def centre_embeddings(network: MEAN, pairs: Pairs, model: MeanConfig) -> None:
    """Set the last layer so that embeddings of a batch are centred and of one spread in every channel.

    A fresh network maps all photos into a narrow cone, where InfoNCE has next to no gradient.
    """
    network.eval()
    pictures = network_input(torch.cat(pairs.views), pairs.drone.device, model)
    features = network.backbone.forward_features(pictures)
    if network.grid is not None:
        network.grid.start_from(features)
        network.train()
        return
    pooled = network.backbone.forward_head(features)
    norm: nn.LayerNorm = network.backbone.head.norm  # type: ignore[assignment, union-attr]
    spread = pooled.std(0).clamp_min(1e-3)
    norm.weight.div_(spread)
    norm.bias.sub_(pooled.mean(0)).div_(spread)
    network.train()


def one_step(run: WorldsRun, grounds: Grounds, config: WorldsConfig, pace: Pace) -> tuple[Losses, float]:
    """Draw a batch, and move the weights against its gradient. Returns: the losses and the learning rate."""
    share = run.seconds / (config.minutes * 60)
    rate = rate_at(max(share, LEAST_SHARE), config, LEAST_RATE)
    difficulty = min(1.0, 0.05 + share / max(config.ramp, 1e-6))
    began = pace.now(run.step)
    with torch.no_grad():
        pairs = grounds.pairs(config, difficulty, run.generator)
    drawn = pace.now(run.step)
    if run.step == 0 and (config.start == "scratch" or (config.model.grid and not brings_embedding(config.start))):
        centre_embeddings(run.network, pairs, config.model)
    run.network.zero_grad()
    set_rate(run.optimizers, rate)
    losses = backward(run.network, pairs, config)
    nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
    run.step += 1
    update_average(run.average, run.network.state_dict(), min(config.ema, (1 + run.step) / (10 + run.step)))
    pace.add(len(pairs.place), began, drawn, pace.now(run.step - 1))
    return losses, rate


def train(config: WorldsConfig, grounds: Grounds, device: torch.device) -> WorldsRun:
    """Train until the minutes are used, saving as it goes; Ctrl-C saves and stops."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    run = start_run(config, device)
    checkpoint = out / "last.pt"
    if not checkpoint.exists() and pieces.list_of(checkpoint).exists():
        pieces.join(checkpoint)
    if checkpoint.exists():
        run.restore(checkpoint)
        log.info("resumed at step %d, %.1f minutes", run.step, run.seconds / 60)
    began, before = time.monotonic(), run.seconds
    saved = began
    contrast = torch.zeros((), device=device)
    pace = Pace(device)
    losses: Losses | None = None
    try:
        while run.seconds < config.minutes * 60:
            losses, rate = one_step(run, grounds, config, pace)
            run.seconds = before + time.monotonic() - began
            contrast += losses.info_nce.detach()
            if device.type == "cpu" or run.step % Pace.EVERY == 0:  # a GPU would have to be waited for
                check_finite(losses, run.step)
            if run.step % Pace.EVERY == 0:
                log.info(
                    "step %d  %.1f min  rate %.2e  InfoNCE %.3f  classes %.2f  alignment %.3f  scale %.1f  %s",
                    run.step, run.seconds / 60, rate, contrast / Pace.EVERY,
                    losses.classification, losses.alignment, run.network.logit_scale.exp(), pace.summary(),
                )  # fmt: skip
                contrast.zero_()
            if time.monotonic() - saved > config.save_every_s:
                check_finite(losses, run.step)
                run.save(checkpoint)
                saved = time.monotonic()
    except KeyboardInterrupt:
        log.info("stopped by hand at step %d; the same command goes on from here", run.step)
    if losses is not None:
        check_finite(losses, run.step)
    run.save(checkpoint)
    if config.piece_mib:
        pieces.split(checkpoint, config.piece_mib)
    return run


def export(run: WorldsRun, config: WorldsConfig, folder: Path) -> None:
    """The averaged weights as a model folder, backbone only, half precision."""
    save_model(folder, averaged(run.network, run.average).eval(), config.model)


def run_config(config: WorldsConfig) -> None:
    """Load the worlds, train, and write the averaged weights to `out/model`.

    Raises:
        MeanModelError: a loss that is not finite, or weights that do not fit.
        MissingPart: there are no worlds.
        GalleryError: there is no gallery, or too little ground in it.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):  # a background job starts with Ctrl-C ignored
        signal.signal(stop, signal.default_int_handler)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    grounds, config = open_worlds(config)
    grounds = grounds.to(device)
    config = prepared(config, grounds)
    log.info("%d worlds, %d places, device %s", grounds.worlds.worlds, config.model.classes, device)
    export(train(config, grounds, device), config, Path(config.out) / "model")
    log.info("settings: %s", asdict(config))
