"""Training on places photographed by drone and satellite, epoch by epoch, as the paper does.

`train_scripts.train` runs it for configs with `dataset = "KIND:PATH"`. Everything that is drawn hangs on the seed and
on where the run is, and the checkpoint holds the rest: a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import json
import logging
import math
import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import compress, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from gallery.metrics import evaluate
from mean_model.checkpoint import save_model
from mean_model.config import MeanConfig
from mean_model.embedder import IMAGENET_MEAN, IMAGENET_STD, normalised
from mean_model.errors import CheckpointError, ConfigError, MeanModelError
from mean_model.losses import Losses, LossWeights, classification, cross_domain_alignment, info_nce
from mean_model.network import MEAN
from train_scripts.data import weather
from train_scripts.data.loading import Recipe, TestPictures, TrainingPictures, Unreadable
from train_scripts.data.places import Dataset, Direction, Picture, Protocol, TrainingPair, views_of
from train_scripts.data.readers import parse_spec, read_dataset
from train_scripts.data.sampler import unique_place_batches
from train_scripts.parallel import Processes, all_objects, gathered, mean_over_all, processes, share_batch_norm
from train_scripts.protocols import summary
from train_scripts.starts import Parts, begin

log = logging.getLogger("train")

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Head = Literal["linear", "pee", "gee"]
CHECKPOINT = "last.pt"
FREE = {"out", "workers", "tensorboard", "save_every_steps", "log_every_steps", "evaluate_every", "test_batch"}
"""Settings that may change when a run goes on."""


@dataclass(frozen=True)
class Terms:
    """What the losses look at: the whole of MEAN by default, less of it for the rows of the paper's Table VII.

    A branch that no loss looks at is neither computed nor trained.
    """

    heads: tuple[Head, ...] = ("pee", "gee")  # classified; "linear" is a plain classifier of the pooled feature
    cosine: float = 1.0  # weight of CDA's first term, L(C)
    distance: float = 1.0  # weight of CDA's second term, L(D)
    distance_as: Literal["published", "mean_square"] = "published"  # see mean_model.losses.cross_domain_alignment
    aligned_contrast: float = 0.0  # weight of InfoNCE on the mean of the aligned map, for CEA without CDA


@dataclass(frozen=True)
class PlacesConfig:
    """Everything that a run depends on but the machine. The defaults are those published for University-1652."""

    dataset: str = ""  # KIND:PATH, such as university1652:data/University-Release
    height: int = 0  # metres, of SUES-200 and DenseUAV; 0 mixes all
    test: str = ""  # another dataset to evaluate on (cross-domain); empty for the same one
    test_heights: tuple[int, ...] = ()  # heights to evaluate one by one; empty for `height`
    out: str = "runs/places"  # checkpoint, best/ and last/ model folders, history
    start: str = "imagenet"  # see train_scripts.starts.begin
    start_parts: Parts = "all"
    epochs: int = 2
    batch: int = 64  # pairs in a batch, over all processes: what InfoNCE tells apart
    accumulate: int = 1  # batches per step of the optimiser; each batch contrasts its own pairs only
    learning_rate: float = 1e-3
    weight_decay: float = 0.01  # torch's default for AdamW, which the published code leaves
    warmup: float = 0.1  # share of all steps
    clip_value: float = 100.0  # largest gradient of one number
    label_smoothing: float = 0.1  # of InfoNCE
    ema: float = 0.0  # decay of the averaged weights that are evaluated and saved; 0 for none
    precision: Precision = "auto"  # auto: bfloat16 on a GPU, float32 on a CPU
    seed: int = 1
    augment: bool = True
    flip: float = 0.5
    least_crop: float = 1.0
    weather: tuple[str, ...] = ()  # conditions drawn for drone pictures; ["all"] for the ten
    unreadable: Unreadable = "stop"
    directions: tuple[Direction, ...] = ("drone-to-satellite", "satellite-to-drone")
    protocols: tuple[Protocol, ...] = ("paper", "full")  # the first of each decides which epoch is best
    test_places: int = 0  # only the first so many, for a quick look; 0 for all
    test_batch: int = 128
    evaluate_every: int = 1  # epochs; 0 for never
    save_every_steps: int = 200
    log_every_steps: int = 25
    workers: int = 4  # processes that read pictures
    tensorboard: bool = True  # curves in out/tensorboard, where tensorboard is installed
    gamma: float = 0.3  # layer scale at the start from scratch
    model: MeanConfig = field(default_factory=MeanConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulate", "save_every_steps", "log_every_steps", "test_batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("weight_decay", "workers", "evaluate_every", "test_places", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative.")
        for name in ("learning_rate", "clip_value", "least_crop"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0.")
        for name, most in (("warmup", 1), ("label_smoothing", 1), ("ema", 1), ("flip", 1), ("least_crop", 1)):
            if not 0 <= getattr(self, name) <= most or (name == "ema" and self.ema == 1):
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be a share from 0 to 1.")
        if not self.directions or not self.protocols:
            raise ConfigError("directions and protocols need one entry each at least; evaluate_every = 0 skips tests.")
        if not self.terms.heads and self.weights.classification:
            raise ConfigError("classification has a weight but terms.heads is empty: name a head, or set it to 0.")
        _ = self.conditions  # raises for one that does not exist

    @property
    def conditions(self) -> tuple[str, ...]:
        """Weather conditions to train in."""
        return weather.chosen(",".join(self.weather)) if self.weather else ()


# --- one step --------------------------------------------------------------------------------------------------------


Outputs = tuple[list[Tensor], list[list[Tensor]], list[Tensor], Tensor]
"""What `Step` says of a batch."""


class Step(nn.Module):
    """Both views through the network once, as far as the losses need it; the unit that processes share."""

    def __init__(self, network: MEAN, config: PlacesConfig) -> None:
        super().__init__()
        self.network = network
        self.terms = config.terms
        self.heads: tuple[Head, ...] = config.terms.heads if config.weights.classification else ()
        cda = config.weights.alignment and (config.terms.cosine or config.terms.distance)
        self.aligns = bool(cda or config.terms.aligned_contrast)
        self.contrasts = bool(config.weights.info_nce)
        self.linear = nn.Linear(network.dimension, config.model.classes) if "linear" in self.heads else None
        for branch, used in ((network.pee, "pee" in self.heads), (network.gee, "gee" in self.heads)):
            branch.requires_grad_(used)
        network.cea.requires_grad_(self.aligns)
        network.logit_scale.requires_grad_(self.contrasts or bool(config.terms.aligned_contrast))

    @property
    def whole(self) -> bool:
        """Whether all branches are trained, so that they are worth keeping."""
        return self.aligns and {"pee", "gee"} <= set(self.heads)

    def forward(self, drone: Tensor, satellite: Tensor) -> Outputs:
        """Args: drone, satellite: (B, 3, S, S) normalised.

        Returns: of both views the pooled features (B, D), the logits (B, classes) of each head and the aligned maps
        (B, C, L), in float32; and the inverse temperature.
        """
        network = self.network
        features = network.backbone.forward_features(torch.cat([drone, satellite]))  # takes no statistics of the batch
        pooled = network.backbone.forward_head(features)
        logits: list[list[Tensor]] = []
        aligned: list[Tensor] = []
        for map_, vector in zip(features.chunk(2), pooled.chunk(2), strict=True):  # the branches normalise each view
            of_view: list[Tensor] = []
            if "pee" in self.heads:
                of_view += [head[0].float() for head in network.pee(map_)]
            if "gee" in self.heads:
                of_view.append(network.gee(vector)[0].float())
            if self.linear is not None:
                of_view.append(self.linear(vector).float())
            logits.append(of_view)
            if self.aligns:
                aligned.append(network.cea(map_).float())
        scale = network.logit_scale.float().exp().clamp(max=100)
        return [one.float() for one in pooled.chunk(2)], logits, aligned, scale


def losses_of(outputs: Outputs, labels: Tensor, config: PlacesConfig) -> Losses:
    """The weighted losses of a batch (Eq. 17): InfoNCE over the pairs of all processes, the others over one's own.

    DistributedDataParallel averages gradients, which makes the gradient that of one process with the whole batch:
    each computes the whole InfoNCE, and the sum of what flows back through the gathering is averaged again.
    """
    pooled, logits, aligned, scale = outputs
    weights, terms = config.weights, config.terms
    nothing = pooled[0].new_zeros(())
    contrast = nothing
    if weights.info_nce:
        contrast = info_nce(gathered(pooled[0]), gathered(pooled[1]), scale, config.label_smoothing)
    classes = nothing
    if weights.classification:
        classes = classification(logits[0], labels) + classification(logits[1], labels)
    alignment = nothing
    if weights.alignment and (terms.cosine or terms.distance):
        alignment = cross_domain_alignment(
            aligned[0],
            aligned[1],
            cosine_weight=terms.cosine,
            distance_weight=terms.distance,
            distance=terms.distance_as,
        )
    weighted = weights.info_nce * contrast + weights.classification * classes + weights.alignment * alignment
    if terms.aligned_contrast:
        means = [gathered(one.mean(dim=2)) for one in aligned]
        weighted = weighted + terms.aligned_contrast * info_nce(means[0], means[1], scale, config.label_smoothing)
    return Losses(weighted, contrast, classes, alignment)


def normalised_views(drone: Tensor, satellite: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """(B, 3, S, S) uint8 of both views as the network's input on the device."""
    mean = torch.tensor(IMAGENET_MEAN, device=device)[:, None, None] * 255
    std = torch.tensor(IMAGENET_STD, device=device)[:, None, None] * 255

    def one(pixels: Tensor) -> Tensor:
        moved = pixels.to(device, non_blocking=True).float()
        return ((moved - mean) / std).contiguous(memory_format=torch.channels_last)

    return one(drone), one(satellite)


def rate_at(step: int, steps: int, config: PlacesConfig) -> float:
    """Learning rate of a step: linear warm-up, then a cosine to 0."""
    warm = config.warmup * steps
    if step < warm:
        return config.learning_rate * step / warm
    progress = min(1.0, (step - warm) / max(steps - warm, 1))
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


# --- the run ---------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """The state of a training, which a checkpoint holds."""

    step_module: Step
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    epoch: int = 0  # finished epochs
    batch: int = 0  # batches done of the one that runs
    step: int = 0  # steps of the optimiser
    sums: list[float] = field(default_factory=lambda: [0.0] * 5)  # of the losses in this epoch, and their number
    best: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def network(self) -> MEAN:
        """The weights to evaluate and save: averaged ones where there are."""
        if self.average is None:
            return self.step_module.network
        averaged = self.average.module
        assert isinstance(averaged, MEAN)
        return averaged

    def save(self, path: Path, config: PlacesConfig, mine: Processes) -> None:
        """Write a checkpoint: beside its place and renamed, so that a kill leaves the old one. Every process calls."""
        states = all_objects(_random_states())
        if not mine.first:
            return
        state = {
            "config": asdict(config),
            "processes": mine.count,
            "weights": self.step_module.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": states,
            **{name: getattr(self, name) for name in ("epoch", "batch", "step", "sums", "best", "history")},
        }
        beside = path.with_suffix(".part")
        torch.save(state, beside)
        os.replace(beside, path)

    def restore(self, path: Path, config: PlacesConfig, mine: Processes) -> None:
        """Go on from a checkpoint.

        Raises:
            CheckpointError: it is damaged, or of a run with other settings.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            saved, states = state["config"], state["random"]
        except (RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{path.name} is damaged or no checkpoint of this program: remove it to begin anew."
            ) from error
        for name in (one.name for one in fields(config) if one.name not in FREE):
            asked = asdict(config)[name]
            if saved.get(name) != asked:
                inside = _first_difference(name, saved.get(name), asked)
                raise CheckpointError(
                    f"{path.name} in {path.parent.name} is of a run with another {inside}: "
                    "set it back to go on, or choose another out to begin anew."
                )
        if state["processes"] != mine.count:
            raise CheckpointError(
                f"{path.name} is of a run with {state['processes']} processes and there are {mine.count} now: "
                "start as many, or choose another out to begin anew."
            )
        self.step_module.load_state_dict(state["weights"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        for name in ("epoch", "batch", "step", "sums", "best", "history"):
            setattr(self, name, state[name])
        _restore_random(states[mine.rank])


def _first_difference(name: str, saved: Any, asked: Any) -> str:
    if isinstance(saved, Mapping) and isinstance(asked, Mapping):
        key = next(key for key in (*asked, *saved) if saved.get(key) != asked.get(key))
        return _first_difference(f"{name}.{key}", saved.get(key), asked.get(key))
    return f"{name} ({saved!r} there, {asked!r} now)"


def _random_states() -> dict[str, Any]:
    numpy_state = np.random.get_state(legacy=False)
    inner = numpy_state["state"]
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "python": random.getstate(),
        "numpy": {**numpy_state, "state": {"key": inner["key"].tolist(), "pos": int(inner["pos"])}},
    }


def _restore_random(states: Mapping[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    random.setstate(states["python"])
    saved = states["numpy"]
    key = np.array(saved["state"]["key"], np.uint32)
    np.random.set_state({**saved, "state": {**saved["state"], "key": key}})


class Stopped(Exception):
    """The user, or whoever runs the machine, wants the run to end; its checkpoint is written."""


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that is filled when the process is asked to end: a step is never cut in half. Asked twice, it is."""
    asked: list[int] = []

    def note(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(number, signal.default_int_handler)

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def start_run(config: PlacesConfig, mine: Processes) -> Run:
    """Weights at the start, the optimiser, and what else a run needs."""
    torch.manual_seed(config.seed)  # the same heads on every process; what the first has is sent to all anyway
    random.seed(config.seed)
    np.random.seed(config.seed)
    network = begin(config.model, config.start if mine.first else "scratch", config.start_parts, config.gamma)
    if mine.count > 1:
        share_batch_norm(network, mine.device)
    step = Step(network, config).to(mine.device).to(memory_format=torch.channels_last).train()
    torch.manual_seed(config.seed + mine.rank)  # dropout differs between processes
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema)) if config.ema else None
    trained = [parameter for parameter in step.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=config.weight_decay)
    half = precision_of(config, mine.device) == torch.float16
    return Run(step, average, optimizer, torch.amp.GradScaler(mine.device.type, init_scale=2.0**10, enabled=half))


def precision_of(config: PlacesConfig, device: torch.device) -> torch.dtype:
    """What the network computes in."""
    if config.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.precision]


def train(config: PlacesConfig, data: Dataset, tests: Mapping[str, Dataset], mine: Processes) -> Run:
    """Train and evaluate, from the checkpoint in `config.out` if there is one.

    Args:
        data: to train with; `config.model.classes` must be its number of places.
        tests: what to evaluate on, by name; empty for none.

    Raises:
        MeanModelError: a loss that is not finite, or weights that do not fit.
        DatasetError: a picture that cannot be read, or too few places.
        Stopped: the process was asked to end.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    pairs = data.training_pairs()
    if config.batch % mine.count:
        raise ConfigError(f"batch is {config.batch}, which {mine.count} processes cannot share evenly.")
    labels = np.array([pair.label for pair in pairs])
    unique_place_batches(labels, config.batch, config.seed, 0)  # says so before weights are fetched if places are few
    planned = config.epochs * math.ceil((len(pairs) // config.batch) / config.accumulate)
    run = start_run(config, mine)
    if (out / CHECKPOINT).exists():
        run.restore(out / CHECKPOINT, config, mine)
        log.info("going on after %d epochs, %d batches", run.epoch, run.batch)
    module: nn.Module = run.step_module
    if mine.count > 1:
        module = DistributedDataParallel(module, [mine.device] if mine.device.type == "cuda" else None)
    curves = curves_of(config, run.step) if mine.first else None
    recipe = Recipe(
        config.model.image_size, config.augment, config.flip, config.least_crop, config.conditions, config.unreadable
    )
    with stop_requests() as asked:
        if run.history and run.history[-1]["results"] is None:  # cut while it was tested
            evaluate_epoch(run, config, tests, mine, curves)
        while run.epoch < config.epochs:
            batches = unique_place_batches(labels, config.batch, config.seed, run.epoch)
            pictures = TrainingPictures(pairs, recipe, config.seed, run.epoch)
            train_epoch(run, module, pictures, batches, planned, config, mine, curves, asked)
            finish_epoch(run, config, mine)
            evaluate_epoch(run, config, tests, mine, curves)
    if curves is not None:
        curves.close()
    return run


def train_epoch(
    run: Run,
    module: nn.Module,
    pictures: TrainingPictures,
    batches: Sequence[np.ndarray],
    planned: int,
    config: PlacesConfig,
    mine: Processes,
    curves: Any,
    asked: Sequence[int],
) -> None:
    """The batches of an epoch that are not done yet."""
    share = config.batch // mine.count
    own = [batch[mine.rank * share : (mine.rank + 1) * share].tolist() for batch in batches]
    loader = DataLoader(
        pictures,
        batch_sampler=own[run.batch :],
        num_workers=config.workers,
        pin_memory=mine.device.type == "cuda",
        generator=torch.Generator().manual_seed(config.seed),  # the loader draws a seed that nothing here uses
    )
    loaded = iter(loader)
    dtype = precision_of(config, mine.device)
    since, seen = time.monotonic(), 0
    starts = [*range(0, len(batches), config.accumulate), len(batches)]
    for begin_at, end_at in pairwise(starts):
        if begin_at < run.batch:
            continue
        rate = rate_at(run.step, planned, config)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        run.optimizer.zero_grad(set_to_none=True)
        for number in range(begin_at, end_at):
            drone, satellite, labels, rows = next(loaded)
            views = normalised_views(drone, satellite, mine.device)
            last = number == end_at - 1
            waits = nullcontext() if last or mine.count == 1 else module.no_sync()  # type: ignore[operator]
            with waits:
                with torch.autocast(mine.device.type, dtype, enabled=dtype != torch.float32):
                    outputs = module(*views)
                losses = losses_of(outputs, labels.to(mine.device), config)
                run.scaler.scale(losses.total / (end_at - begin_at)).backward()
            terms = [losses.total, losses.info_nce, losses.classification, losses.alignment]
            values = mean_over_all(torch.stack([*(one.detach().float() for one in terms), _flag(asked, mine)])).tolist()
            if not math.isfinite(values[0]):
                named = [pictures.pairs[int(row)].drone.name for row in rows]
                raise MeanModelError(not_finite(run.epoch, number, values[1:4], named))
            run.sums = [total + value for total, value in zip(run.sums, [*values[:4], 1.0], strict=True)]
            seen += config.batch
        run.scaler.unscale_(run.optimizer)
        nn.utils.clip_grad_value_(module.parameters(), config.clip_value)
        run.scaler.step(run.optimizer)
        run.scaler.update()
        if run.average is not None:
            run.average.update_parameters(run.step_module.network)
        run.step, run.batch = run.step + 1, end_at
        if mine.first and (run.step % config.log_every_steps == 0 or end_at == len(batches)):
            speed = seen / (time.monotonic() - since)
            report_step(run, values[:4], rate, speed, len(batches), curves)
            since, seen = time.monotonic(), 0
        if values[4] > 0:
            run.save(Path(config.out) / CHECKPOINT, config, mine)
            raise Stopped(f"Stopped after batch {run.batch} of epoch {run.epoch + 1}; the same command goes on.")
        if run.step % config.save_every_steps == 0:
            run.save(Path(config.out) / CHECKPOINT, config, mine)


def _flag(asked: Sequence[int], mine: Processes) -> Tensor:
    """1 when this process is asked to end: all of them must end after the same step."""
    return torch.tensor(float(bool(asked)), device=mine.device)


def not_finite(epoch: int, batch: int, values: Sequence[float], names: Sequence[str]) -> str:
    """The sentence for a loss that is not finite."""
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return (
        f"The loss is not finite in batch {batch + 1} of epoch {epoch + 1} (InfoNCE {values[0]:.3g}, classes "
        f"{values[1]:.3g}, alignment {values[2]:.3g}; {shown}): look at these pictures, or lower learning_rate and "
        "begin anew."
    )


def report_step(run: Run, values: Sequence[float], rate: float, speed: float, batches: int, curves: Any) -> None:
    """A line in the log and points on the curves."""
    scale = float(run.step_module.network.logit_scale.detach().exp())
    log.info(
        "epoch %d  batch %d/%d  loss %.4f  InfoNCE %.4f  classes %.3f  alignment %.4f  rate %.2e  scale %.1f  "
        "%.1f pairs/s",
        run.epoch + 1, run.batch, batches, *values, rate, scale, speed,
    )  # fmt: skip
    if curves is not None:
        points = dict(zip(("total", "info_nce", "classification", "alignment"), values, strict=True))
        for name, value in points.items():
            curves.add_scalar(f"loss/{name}", value, run.step)
        for name, value in (("rate", rate), ("scale", scale), ("pairs_per_s", speed)):
            curves.add_scalar(f"run/{name}", value, run.step)


def finish_epoch(run: Run, config: PlacesConfig, mine: Processes) -> None:
    """Write what an epoch gave."""
    names = ("total", "info_nce", "classification", "alignment")
    count = max(run.sums[4], 1)
    losses = {name: total / count for name, total in zip(names, run.sums, strict=False)}
    run.epoch, run.batch, run.sums = run.epoch + 1, 0, [0.0] * 5
    run.history.append({"epoch": run.epoch, "step": run.step, "losses": losses, "results": None})
    if mine.first:
        keep(run, config, Path(config.out) / "last")
    run.save(Path(config.out) / CHECKPOINT, config, mine)  # before the test, which may take long


def evaluate_epoch(run: Run, config: PlacesConfig, tests: Mapping[str, Dataset], mine: Processes, curves: Any) -> None:
    """Evaluate the epoch that was finished, and keep the best."""
    due = config.evaluate_every and (run.epoch % config.evaluate_every == 0 or run.epoch == config.epochs)
    results = {name: evaluate_on(run.network, test, config, mine) for name, test in tests.items()} if due else {}
    run.history[-1]["results"] = results
    score = _score(results)
    better = score is not None and score > run.best
    if better:
        run.best = score or 0.0
    if mine.first:
        report_results(run.epoch, results, curves)
        if better:
            keep(run, config, Path(config.out) / "best")
        _write_json(Path(config.out) / "history.json", run.history)
        _write_json(Path(config.out) / "settings.json", asdict(config))
    run.save(Path(config.out) / CHECKPOINT, config, mine)


def report_results(epoch: int, results: Mapping[str, Sequence[Mapping[str, Any]]], curves: Any) -> None:
    """Lines in the log and points on the curves."""
    for name, of in results.items():
        for one in of:
            log.info(
                "epoch %d  %s, %s, %s protocol: R@1 %.2f  R@5 %.2f  R@10 %.2f  R@1%% %.2f  AP %.2f",
                epoch, name, one["direction"], one["protocol"],
                *(one["recall"][key] for key in ("1", "5", "10", "1%")), one["ap"],
            )  # fmt: skip
            if curves is not None:
                where = f"{name}/{one['direction']}/{one['protocol']}"
                curves.add_scalar(f"R@1/{where}", one["recall"]["1"], epoch)
                curves.add_scalar(f"AP/{where}", one["ap"], epoch)


def _score(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> float | None:
    """R@1 of the first direction and protocol, averaged over what was evaluated."""
    firsts = [float(of[0]["recall"]["1"]) for of in results.values()]
    return sum(firsts) / len(firsts) if firsts else None


def keep(run: Run, config: PlacesConfig, folder: Path) -> None:
    """The weights as a model folder: all of them if every branch was trained, the backbone otherwise."""
    contents: Literal["full", "inference"] = "full" if run.step_module.whole else "inference"
    save_model(folder, run.network, config.model, weights=contents)


def _write_json(path: Path, content: Any) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)


def curves_of(config: PlacesConfig, step: int) -> Any:
    """A TensorBoard writer, or None where there is no tensorboard or it is not wanted."""
    if not config.tensorboard:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("no curves: install tensorboard to have them")
        return None
    return SummaryWriter(str(Path(config.out) / "tensorboard"), purge_step=step)


# --- evaluation ------------------------------------------------------------------------------------------------------


def evaluate_on(network: MEAN, data: Dataset, config: PlacesConfig, mine: Processes) -> list[dict[str, Any]]:
    """Every direction under every protocol on the test part of a dataset, as `train_scripts.evaluate --json` says it.

    Each picture is embedded once; the processes share the work. The network is in train mode again afterwards.
    """
    found: list[dict[str, Any]] = []
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for direction in config.directions:
        for protocol in config.protocols:
            task = data.retrieval(direction, protocol, places=config.test_places or None)
            asking, searched = views_of(direction)
            parts = {f"query_{asking}": task.queries, f"gallery_{searched}": task.gallery}
            for part, pictures in parts.items():
                if part not in known:
                    known[part] = embed(network, pictures, config, mine, part)
            (queries, query_kept), (items, item_kept) = (known[part] for part in parts)
            readable = [tuple(compress(*of)) for of in ((task.queries, query_kept), (task.gallery, item_kept))]
            task = replace(task, queries=readable[0], gallery=readable[1])
            result = evaluate(queries[query_kept], task.query_labels, items[item_kept], task.gallery_labels)
            found.append({**summary(task, result), "dataset": data.name})
    return found


@torch.no_grad()
def embed(
    network: MEAN, pictures: Sequence[Picture], config: PlacesConfig, mine: Processes, what: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (N, D) float32 of all pictures, and which of them could be read (N,) bool."""
    own = pictures[mine.rank :: mine.count]
    reader = TestPictures(own, config.model.image_size, config.model.crop, config.unreadable)
    loader = DataLoader(
        reader,
        config.test_batch,
        num_workers=config.workers,
        pin_memory=mine.device.type == "cuda",
        generator=torch.Generator().manual_seed(0),
    )
    dtype = precision_of(config, mine.device)
    vectors, read = [np.empty((0, network.dimension), np.float32)], [np.empty(0, bool)]
    training = network.training
    network.eval()
    for pixels, readable in tqdm(loader, desc=what, leave=False, disable=None if mine.first else True, file=sys.stderr):
        with torch.autocast(mine.device.type, dtype, enabled=dtype != torch.float32):
            vectors.append(network(normalised(pixels.to(mine.device))).float().cpu().numpy())
        read.append(readable.numpy().astype(bool))
    network.train(training)
    parts = all_objects((np.concatenate(vectors), np.concatenate(read)))
    result = np.empty((len(pictures), network.dimension), np.float32)
    kept = np.empty(len(pictures), bool)
    for rank, part in enumerate(parts):
        result[rank :: mine.count], kept[rank :: mine.count] = part  # type: ignore[misc]
    return result, kept


# --- from the command line -------------------------------------------------------------------------------------------


def datasets_of(config: PlacesConfig) -> tuple[Dataset, dict[str, Dataset]]:
    """What to train with, and what to evaluate on by name.

    Raises:
        DatasetError: see the readers.
    """
    kind, root = parse_spec(config.dataset)
    data = read_dataset(kind, root, height=config.height or None)
    if not config.evaluate_every:
        return data, {}
    test_kind, test_root = parse_spec(config.test) if config.test else (kind, root)
    heights = config.test_heights or ((config.height,) if not config.test else (0,))
    tests = [read_dataset(test_kind, test_root, height=height or None) for height in heights]
    return data, {test.name: test for test in tests}


def run_config(config: PlacesConfig) -> Run:
    """Read the datasets and train: what `train_scripts.train` does with a config of this kind.

    Raises: as `train` and `datasets_of`.
    """
    with processes() as mine:
        if not mine.first:
            logging.getLogger().setLevel(logging.WARNING)
        data, tests = datasets_of(config)
        for note in (note for one in {id(d): d for d in (data, *tests.values())}.values() for note in one.notes):
            log.warning("%s", note)
        pairs: tuple[TrainingPair, ...] = data.training_pairs()
        config = replace(config, model=replace(config.model, classes=len(data.classes)))
        log.info(
            "%s: %d pairs of %d places, %d process%s on %s, %s",
            data.name, len(pairs), len(data.classes), mine.count, "es" if mine.count > 1 else "",
            mine.device.type, str(precision_of(config, mine.device)).removeprefix("torch."),
        )  # fmt: skip
        return train(config, data, tests, mine)
