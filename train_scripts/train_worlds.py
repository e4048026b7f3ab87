"""Training on simulated pairs, by the clock: of packed worlds, as the starter was made, or of a gallery's own ground.

`train_scripts.train` runs it for configs with `worlds = "FOLDER"` or `worlds = "gallery:DIR"`. It goes on from its last
checkpoint.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gallery import Gallery
from mean_model.checkpoint import save_model
from mean_model.config import MeanConfig
from mean_model.errors import MeanModelError
from mean_model.losses import Losses, LossWeights, info_nce, total
from mean_model.network import MEAN
from train_scripts.data.region import region_of
from train_scripts.data.simulator import FlightRange, Pairs, Pool, at_scale, easier, load_pool, places_of, random_pairs
from train_scripts.muon import Muon
from train_scripts.starts import begin
from train_scripts.step import network_input

log = logging.getLogger("train")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on but the machine."""

    worlds: str = "runs/worlds"  # a folder of packed worlds, or gallery:DIR
    tile_m: float = 0.0  # of a gallery's ground: side of the tiles to train; 0 takes that of the gallery's tiles
    out: str = "runs/train"
    start: str = "scratch"  # or weights whose backbone to begin from, see train_scripts.starts.begin
    minutes: float = 60.0  # of training in all, over every resumption
    batch: int = 96
    worlds_per_batch: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.02  # share of the time
    ramp: float = 0.15  # share of the time over which the views go from easy to the whole flight range
    gamma: float = 0.3  # layer scale at the start
    label_smoothing: float = 0.1
    ema: float = 0.998
    seed: int = 0
    render_steps: int = 20
    photometry: float = 1.0
    bfloat16: bool = True
    save_every_s: float = 120.0
    model: MeanConfig = field(default_factory=MeanConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    flight: FlightRange = field(default_factory=FlightRange)


def losses_of(network: MEAN, pairs: Pairs, config: TrainConfig) -> Losses:
    """Forward both views and weigh the losses. Branches whose losses have no weight are not computed: half the time."""
    weights = config.weights
    scale = network.logit_scale.exp().clamp(max=100)
    with torch.autocast(pairs.drone.device.type, torch.bfloat16, enabled=config.bfloat16):
        if not weights.classification and not weights.alignment:
            embeddings = network(_input(torch.cat([pairs.drone, pairs.satellite]))).float()
            drone, satellite = embeddings.chunk(2)
            contrast = info_nce(drone, satellite, scale, config.label_smoothing)
            nothing = contrast.new_zeros(())
            return Losses(weights.info_nce * contrast, contrast, nothing, nothing)
        drone_outputs = _float(network.forward_training(_input(pairs.drone)))
        satellite_outputs = _float(network.forward_training(_input(pairs.satellite)))
    return total(drone_outputs, satellite_outputs, pairs.place, scale, weights, label_smoothing=config.label_smoothing)


def _input(pictures: Tensor) -> Tensor:
    return network_input(pictures, pictures.device)


def _float(outputs: Any) -> Any:
    return replace(
        outputs,
        pooled=outputs.pooled.float(),
        logits=tuple(x.float() for x in outputs.logits),
        aligned=outputs.aligned.float(),
    )


def rate_at(share: float, config: TrainConfig) -> float:
    """Learning rate after this share 0..1 of the time: linear warm-up, then a cosine to 1 % of the peak."""
    if share < config.warmup:
        return config.learning_rate * max(share, 1e-3) / config.warmup
    progress = (share - config.warmup) / (1 - config.warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1))))


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
    return [
        Muon(matrices, lr=0.0, weight_decay=weight_decay),
        torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98)),
    ]


@dataclass
class Run:
    """The state that a checkpoint holds."""

    network: MEAN
    average: dict[str, Tensor]
    optimizers: list[torch.optim.Optimizer]
    generator: torch.Generator
    step: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
            "torch_rng": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }
        beside = path.with_suffix(".part")
        torch.save(state, beside)
        os.replace(beside, path)

    def restore(self, path: Path, device: torch.device) -> None:
        state = torch.load(path, map_location=device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch_rng"].cpu())
        self.step, self.seconds = state["step"], state["seconds"]


def start_run(config: TrainConfig, device: torch.device) -> Run:
    """Fresh weights, or those of `config.start`."""
    torch.manual_seed(config.seed)
    network = begin(config.model, config.start, "backbone", config.gamma)
    network.to(device).to(memory_format=torch.channels_last).train()
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    generator = torch.Generator().manual_seed(config.seed)
    return Run(network, average, optimizers_of(network, config.weight_decay), generator)


@torch.no_grad()
def centre_embeddings(network: MEAN, pairs: Pairs) -> None:
    """Set the last normalisation so that embeddings of a batch are centred and of one spread in every channel.

    A fresh network maps all photos into a narrow cone, where InfoNCE has next to no gradient.
    """
    network.eval()
    pictures = _input(torch.cat([pairs.drone, pairs.satellite]))
    pooled = network.backbone.forward_head(network.backbone.forward_features(pictures))
    norm: nn.LayerNorm = network.backbone.head.norm  # type: ignore[assignment, union-attr]
    spread = pooled.std(0).clamp_min(1e-3)
    norm.weight.div_(spread)
    norm.bias.sub_(pooled.mean(0)).div_(spread)
    network.train()


def update_average(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Exponential moving average of every floating tensor; counters are copied."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value.detach(), 1 - decay)
        else:
            average[name].copy_(value)


def train(config: TrainConfig, pool: Pool, device: torch.device) -> Run:
    """Train until the minutes are used, saving as it goes; Ctrl-C saves and stops."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    run = start_run(config, device)
    checkpoint = out / "last.pt"
    if checkpoint.exists():
        run.restore(checkpoint, device)
        log.info("resumed at step %d, %.1f minutes", run.step, run.seconds / 60)
    budget = config.minutes * 60
    began, before = time.monotonic(), run.seconds
    saved = began
    mean_loss, render_s, pairs_seen, since = 0.0, 0.0, 0, time.monotonic()
    try:
        while run.seconds < budget:
            rate = rate_at(run.seconds / budget, config)
            for optimizer in run.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
            difficulty = min(1.0, 0.05 + run.seconds / budget / max(config.ramp, 1e-6))
            tick = time.monotonic()
            with torch.no_grad():
                pairs = random_pairs(
                    pool,
                    config.batch,
                    config.model.image_size,
                    easier(config.flight, difficulty),
                    run.generator,
                    worlds_per_batch=config.worlds_per_batch,
                    steps=config.render_steps,
                    photometry_strength=config.photometry * difficulty,
                )
            render_s += time.monotonic() - tick
            if run.step == 0 and config.start == "scratch":
                centre_embeddings(run.network, pairs)
            losses = losses_of(run.network, pairs, config)
            if not torch.isfinite(losses.total):
                raise MeanModelError(
                    f"The loss is not finite at step {run.step} (InfoNCE {losses.info_nce:.3g}, classes "
                    f"{losses.classification:.3g}, alignment {losses.alignment:.3g}); lower learning_rate and resume."
                )
            for optimizer in run.optimizers:
                optimizer.zero_grad(set_to_none=True)
            losses.total.backward()
            nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
            for optimizer in run.optimizers:
                optimizer.step()
            run.step += 1
            update_average(run.average, run.network, min(config.ema, (1 + run.step) / (10 + run.step)))
            run.seconds = before + time.monotonic() - began
            mean_loss += losses.info_nce.item()
            pairs_seen += len(pairs.place)
            if run.step % 25 == 0:
                took = time.monotonic() - since
                log.info(
                    "step %d  %.1f min  rate %.2e  InfoNCE %.3f  classes %.2f  alignment %.3f  scale %.1f  "
                    "%.0f pairs/s  network %.0f %%",
                    run.step, run.seconds / 60, rate, mean_loss / 25,
                    losses.classification.item(), losses.alignment.item(),
                    run.network.logit_scale.exp().item(), pairs_seen / took, 100 * (1 - render_s / took),
                )  # fmt: skip
                mean_loss, render_s, pairs_seen, since = 0.0, 0.0, 0, time.monotonic()
            if time.monotonic() - saved > config.save_every_s:
                run.save(checkpoint)
                saved = time.monotonic()
    except KeyboardInterrupt:
        log.info("stopped by hand at step %d; the same command goes on from here", run.step)
    run.save(checkpoint)
    return run


def export(run: Run, config: TrainConfig, folder: Path) -> None:
    """The averaged weights as a model folder, backbone only, half precision."""
    network = MEAN.from_config(config.model)
    network.load_state_dict({k: v.cpu() for k, v in run.average.items()})
    save_model(folder, network.eval(), config.model)


def open_worlds(config: TrainConfig) -> tuple[Pool, TrainConfig]:
    """What `config.worlds` names, and the config for it: over a gallery all lengths are in proportion to its tiles."""
    kind, _, folder = config.worlds.partition(":")
    if kind != "gallery":
        return load_pool(Path(config.worlds)), config
    region = region_of(Gallery.open(Path(folder).expanduser()), config.tile_m)
    log.info("blocks of %.0f m: %d trained on, %d held out", region.block_m, len(region.trained), len(region.held_out))
    pool = region.pool(config.model.image_size)
    flight = at_scale(config.flight, region.tile_m)
    filled = math.ceil(config.batch / (places_of(pool, flight) // pool.worlds))
    return pool, replace(config, flight=flight, worlds_per_batch=max(config.worlds_per_batch, filled))


def run_config(config: TrainConfig) -> None:
    """Load the worlds, train, and write the averaged weights to `out/model`.

    Raises:
        MeanModelError: a loss that is not finite, or weights that do not fit.
        FileNotFoundError: there are no worlds.
        GalleryError: there is no gallery, or too little ground in it.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):  # a background job starts with Ctrl-C ignored
        signal.signal(stop, signal.default_int_handler)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pool, config = open_worlds(config)
    pool = pool.to(device)
    model = replace(config.model, classes=places_of(pool, config.flight), from_above=config.flight.from_above > 0)
    config = replace(config, model=model)
    log.info("%d worlds, %d places, device %s", pool.worlds, config.model.classes, device)
    export(train(config, pool, device), config, Path(config.out) / "model")
    log.info("settings: %s", asdict(config))
