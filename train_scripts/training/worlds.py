"""Training on simulated pairs, by the clock: of packed worlds, as the starter was made, or of a gallery's own ground.

`train_scripts.train` runs it for configs with `worlds = "FOLDER"` or `worlds = "gallery:DIR"`. It goes on from its last
checkpoint.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from gallery import Gallery
from mean_model import atomic_files
from mean_model.checkpoint import save_model
from mean_model.errors import ConfigError, MeanModelError
from mean_model.losses import Losses, LossWeights, info_nce, total
from mean_model.network import MEAN, TrainingOutputs
from train_scripts import pieces
from train_scripts.data.simulator.gallery_blocks import region_of
from train_scripts.data.simulator.orthophotos import picture_pool
from train_scripts.data.simulator.pairs import (
    Pairs,
    at_scale,
    load_pool,
    places_of,
)
from train_scripts.training.grounds import Grounds
from train_scripts.training.initial_weights import init_network
from train_scripts.training.muon import Muon
from train_scripts.training.step import network_input
from train_scripts.training.worlds_config import TrainConfig

log = logging.getLogger("train")

T = TypeVar("T")


def losses_of(network: MEAN, pairs: Pairs, config: TrainConfig) -> Losses:
    """Forward both views and weigh the losses. Branches whose losses have no weight are not computed: half the time."""
    weights = config.weights
    scale = _scale(network)
    if not has_branches(weights):
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


def has_branches(weights: LossWeights) -> bool:
    """Whether a loss looks at more than the pooled feature."""
    return bool(weights.classification or weights.alignment)


def backward(network: MEAN, pairs: Pairs, config: TrainConfig) -> Losses:
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
    weights, branches = config.weights, has_branches(config.weights)
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
    forward: Callable[[MEAN, Tensor, TrainConfig], T],
    network: MEAN,
    pairs: Pairs,
    config: TrainConfig,
) -> list[T]:
    """Each view forward with its random draws decided by a seed; leaves the generators as they were."""
    results = []
    with torch.random.fork_rng([pairs.drone.device] if pairs.drone.is_cuda else []):
        for seed, view in zip(seeds, pairs.views, strict=True):
            torch.manual_seed(seed)
            results.append(forward(network, view, config))
    return results


def embeddings_of(network: MEAN, pictures: Tensor, config: TrainConfig) -> Tensor:
    """(B, D) float32 of length 1. Args: pictures: (B, 3, S, S) 0..255."""
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=config.bfloat16):
        return network(_input(pictures)).float()


def _outputs(network: MEAN, pictures: Tensor, config: TrainConfig) -> TrainingOutputs:
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=config.bfloat16):
        return _float(network.forward_training(_input(pictures)))


def _input(pictures: Tensor) -> Tensor:
    return network_input(pictures, pictures.device)


def _float(outputs: TrainingOutputs) -> TrainingOutputs:
    first, second, third = outputs.logits
    return replace(
        outputs,
        pooled=outputs.pooled.float(),
        logits=(first.float(), second.float(), third.float()),
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
        atomic_files.replace(path, partial(torch.save, state))

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
    network = init_network(config.model, config.start, "backbone", config.gamma)
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


class Pace:
    """How fast training is, over the steps since it was last told.

    A GPU runs behind the program. So it is waited for around every `EVERY`th step only, and the network's share is
    that of those steps; on a CPU the share is of all of them.
    """

    EVERY = 25

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.forget()

    def forget(self) -> None:
        self.began = time.monotonic()
        self.pairs = 0
        self.drawing_s = self.whole_s = 0.0

    def now(self, step: int) -> float | None:
        """The time at a step's seam, or None where waiting for it would cost more than it tells."""
        if self.device.type == "cuda":
            if step % self.EVERY:
                return None
            torch.cuda.synchronize(self.device)
        return time.monotonic()

    def add(self, pairs: int, began: float | None, drawn: float | None, done: float | None) -> None:
        self.pairs += pairs
        if began is not None and drawn is not None and done is not None:
            self.drawing_s += drawn - began
            self.whole_s += done - began

    def told(self) -> str:
        """Pairs per second, and the share of time that the network with its losses and updates takes."""
        share = 1 - self.drawing_s / self.whole_s if self.whole_s else float("nan")
        rate = self.pairs / (time.monotonic() - self.began)
        self.forget()
        return f"{rate:.0f} pairs/s  network {100 * share:.0f} %"


def one_step(run: Run, grounds: Grounds, config: TrainConfig, pace: Pace) -> tuple[Losses, float]:
    """Draw a batch, and move the weights against its gradient. Returns: the losses and the learning rate."""
    share = run.seconds / (config.minutes * 60)
    rate = rate_at(share, config)
    difficulty = min(1.0, 0.05 + share / max(config.ramp, 1e-6))
    began = pace.now(run.step)
    with torch.no_grad():
        pairs = grounds.pairs(config, difficulty, run.generator)
    drawn = pace.now(run.step)
    if run.step == 0 and config.start == "scratch":
        centre_embeddings(run.network, pairs)
    for optimizer in run.optimizers:
        optimizer.zero_grad(set_to_none=True)
        for group in optimizer.param_groups:
            group["lr"] = rate
    losses = backward(run.network, pairs, config)
    nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
    run.step += 1
    update_average(run.average, run.network, min(config.ema, (1 + run.step) / (10 + run.step)))
    pace.add(len(pairs.place), began, drawn, pace.now(run.step - 1))
    return losses, rate


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


def train(config: TrainConfig, grounds: Grounds, device: torch.device) -> Run:
    """Train until the minutes are used, saving as it goes; Ctrl-C saves and stops."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    run = start_run(config, device)
    checkpoint = out / "last.pt"
    if not checkpoint.exists() and pieces.list_of(checkpoint).exists():
        pieces.join(checkpoint)
    if checkpoint.exists():
        run.restore(checkpoint, device)
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
                    losses.classification, losses.alignment, run.network.logit_scale.exp(), pace.told(),
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


def export(run: Run, config: TrainConfig, folder: Path) -> None:
    """The averaged weights as a model folder, backbone only, half precision."""
    network = MEAN.from_config(config.model)
    network.load_state_dict({k: v.cpu() for k, v in run.average.items()})
    save_model(folder, network.eval(), config.model)


def open_worlds(config: TrainConfig) -> tuple[Grounds, TrainConfig]:
    """What the config names, and the config for it: over a gallery all lengths are in proportion to its tiles."""
    pictures = None
    if config.pictures or config.flights:
        folders, flights = ([Path(one).expanduser() for one in many] for many in (config.pictures, config.flights))
        pictures = picture_pool(folders, flights, config.pictures_left_out, config.seed)
        log.info("%d pictures of real ground", pictures.worlds)
    kind, _, folder = config.worlds.partition(":")
    if kind != "gallery":
        return Grounds(load_pool(Path(config.worlds)), pictures), config
    region = region_of(Gallery.open(Path(folder).expanduser()), config.tile_m)
    log.info("blocks of %.0f m: %d trained on, %d held out", region.block_m, len(region.trained), len(region.held_out))
    pool = region.pool(config.model.image_size)
    flight = at_scale(config.flight, region.tile_m)
    filled = math.ceil(config.batch / (places_of(pool, flight) // pool.worlds))
    return Grounds(pool, pictures), replace(
        config, flight=flight, worlds_per_batch=max(config.worlds_per_batch, filled)
    )


def prepared(config: TrainConfig, grounds: Grounds) -> TrainConfig:
    """The config with what its model takes from the ground and the flights."""
    places = grounds.places(config.flight)
    return replace(config, model=replace(config.model, classes=places, from_above=config.flight.from_above > 0))


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
    grounds, config = open_worlds(config)
    grounds = grounds.to(device)
    config = prepared(config, grounds)
    log.info("%d worlds, %d places, device %s", grounds.worlds.worlds, config.model.classes, device)
    export(train(config, grounds, device), config, Path(config.out) / "model")
    log.info("settings: %s", asdict(config))
