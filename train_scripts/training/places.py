"""Training on places photographed by drone and satellite, epoch by epoch, as the paper does.

`train_scripts.train` runs it for configs with `dataset = "KIND:PATH"`. Everything that is drawn hangs on the seed and
on where the run is, and the checkpoint holds the rest: a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from mean_model.checkpoint import Contents, save_model
from mean_model.errors import ConfigError, MeanModelError
from mean_model.losses import Losses
from train_scripts.data.loading.pictures import Recipe, TrainingPictures, collate, deaf
from train_scripts.data.loading.sampler import neighbour_batches, one_of_each_place, unique_place_batches
from train_scripts.data.readers.dataset import Dataset, Picture
from train_scripts.data.readers.listing import some
from train_scripts.data.readers.read_dataset import parse_spec, read_dataset
from train_scripts.errors import BadPicture
from train_scripts.training.checkpoint import PlacesRun, begin_run
from train_scripts.training.distributed import Processes, mean_over_all, processes
from train_scripts.training.epoch_evaluation import evaluate_on
from train_scripts.training.logging import Results, curves_of, log_results, log_step, write_history
from train_scripts.training.method_step import MethodOutputs, WeightedLosses, method_losses
from train_scripts.training.neighbours import neighbours_of
from train_scripts.training.optimisation import update_average
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.places_optimizer import places_rate, set_places_rate
from train_scripts.training.step import losses_of, network_input, precision_of

log = logging.getLogger("train")

IMPATIENT_S = 3.0
"""Seconds after which a second request to end does not wait for the step; torchrun hands a Ctrl-C on, so that it comes
twice at once."""


@dataclass(frozen=True)
class Batch:
    """Pairs of one step: pictures (B, 3, S, S) uint8, labels (B,), and which drone pictures they are."""

    drone: Tensor
    satellite: Tensor
    labels: Tensor
    pictures: Sequence[Picture] = ()


class Stopped(Exception):
    """The user, or whoever runs the machine, wants the run to end; its checkpoint is written."""


def run_config(config: PlacesConfig) -> PlacesRun:
    """Read the datasets and train: what `train_scripts.train` does with a config of this kind.

    Raises: as `train`, and DatasetError as the readers.
    """
    with processes() as mine:
        if not mine.first:
            logging.getLogger().setLevel(logging.WARNING)
        data, tests = datasets_of(config)
        for note in dict.fromkeys(note for one in (data, *tests) for note in one.notes):
            log.warning("%s", note)
        if lonely := sorted({one.place for one in data.train if one.kind in ("drone", "satellite")} - {*data.classes}):
            log.warning("%d training places lack one of the views and are left out: %s", len(lonely), some(lonely))
        config = replace(config, model=replace(config.model, classes=len(data.classes)))
        log.info(
            "%s: %d pairs of %d places, %d process%s on %s, %s",
            data.name, len(data.training_pairs()), len(data.classes), mine.count, "es" if mine.count > 1 else "",
            mine.device.type, str(precision_of(config, mine.device)).removeprefix("torch."),
        )  # fmt: skip
        return train(config, data, tests, mine)


def datasets_of(config: PlacesConfig) -> tuple[Dataset, list[Dataset]]:
    """What to train with, and what to test on.

    Raises:
        DatasetError: a folder is wrong, or lacks what training or a test will need: said before an epoch is spent.
    """
    kind, root = parse_spec(config.dataset)
    data = read_dataset(kind, root, height=config.height or None)
    data.training_pairs()
    if not config.evaluate_every:
        return data, []
    test_kind, test_root = parse_spec(config.test) if config.test else (kind, root)
    heights = config.test_heights or ((config.height,) if not config.test else (0,))
    tests = [read_dataset(test_kind, test_root, height=height or None) for height in heights]
    for test, direction in product(tests, config.directions):
        test.retrieval(direction)
    return data, tests


def train(config: PlacesConfig, data: Dataset, tests: Sequence[Dataset], mine: Processes) -> PlacesRun:
    """Train and test, from the checkpoint in `config.out` if there is one.

    Args:
        data: to train with; `config.model.classes` must be its number of places.
        tests: what to test on after an epoch.

    Raises:
        MeanModelError: a loss that is not finite, or weights that do not fit.
        DatasetError: a picture that cannot be read, or too few places.
        Stopped: the process was asked to end.
    """
    try:
        Path(config.out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out is {Path(config.out).name}, which can be no folder: choose another.") from error
    pairs = data.training_pairs()
    if config.batch % mine.count:
        raise ConfigError(f"batch is {config.batch}, which {mine.count} processes cannot share evenly.")
    labels = np.array([pair.label for pair in pairs])
    unique_place_batches(labels, config.batch, config.seed, 0)  # says so before weights are fetched if places are few
    planned = planned_steps(config, len(data.classes), len(pairs))
    run = begin_run(config, mine)
    if run.checkpoint.exists():
        run.restore()
        log.info("going on after %d epochs, %d batches", run.epoch, run.batch)
    module: nn.Module = run.step_module
    if mine.count > 1:
        module = DistributedDataParallel(module, [mine.device] if mine.device.type == "cuda" else None)
    curves = curves_of(run)
    recipe = recipe_of(config)
    with stop_requests() as asked:
        if run.history and run.history[-1]["results"] is None:  # cut while it was tested
            evaluate_epoch(run, tests, curves)
        while run.epoch < config.epochs and run.step < planned:
            batches = drawn_batches(run, data, labels)
            pictures = TrainingPictures(pairs, recipe, config.seed, run.epoch)
            with closing(batches_of(run, pictures, batches)) as loaded:
                train_epoch(run, module, loaded, len(batches), planned, curves, asked)
            finish_epoch(run)
            evaluate_epoch(run, tests, curves, last=run.step >= planned)
    if curves is not None:
        curves.close()
    return run


def planned_steps(config: PlacesConfig, places: int, pairs: int) -> int:
    """Steps of the optimiser in the whole run."""
    batches = (places if config.sampling == "places" else pairs) // config.batch
    whole = config.epochs * math.ceil(batches / config.accumulate)
    return min(config.steps, whole) if config.steps else whole


def drawn_batches(run: PlacesRun, data: Dataset, labels: np.ndarray) -> list[np.ndarray]:
    """The batches of this epoch.

    What decides about neighbours is kept in the checkpoint: the network that told them changes during the epoch.

    Raises:
        MissingPart: neighbours are asked for by GPS and a place has no position.
    """
    config = run.config
    if config.sampling == "pairs":
        return unique_place_batches(labels, config.batch, config.seed, run.epoch)
    if config.sampling == "places":
        return one_of_each_place(labels, config.batch, config.seed, run.epoch)
    if run.neighbours is None or not run.batch:
        run.neighbours = torch.from_numpy(neighbours_of(run, data))
        run.save()
    nearest = run.neighbours.numpy()
    return neighbour_batches(labels, nearest, config.batch, config.seed, run.epoch, config.neighbours)


def recipe_of(config: PlacesConfig) -> Recipe:
    """How the pictures of a training are made."""
    return Recipe(
        config.embeds.image_size,
        config.augment,
        config.flip,
        config.least_crop,
        config.embeds.resize,
        config.conditions,
        config.unreadable,
    )


def batches_of(run: PlacesRun, pictures: TrainingPictures, batches: Sequence[np.ndarray]) -> Generator[Batch]:
    """This process' part of the batches that are not done yet.

    Close it: the workers that read heed no signal, and an error that is kept would keep them.

    Raises:
        BadPicture: one cannot be read.
    """
    config, mine = run.config, run.mine
    share = config.batch // mine.count
    loader = DataLoader(
        pictures,
        batch_sampler=[batch[mine.rank * share : (mine.rank + 1) * share].tolist() for batch in batches[run.batch :]],
        num_workers=config.workers,
        collate_fn=collate,
        worker_init_fn=deaf,
        pin_memory=mine.device.type == "cuda",
        generator=torch.Generator().manual_seed(config.seed),  # the loader draws a seed that nothing here uses
    )
    for batch in loader:
        if isinstance(batch, BadPicture):
            raise batch
        drone, satellite, labels, rows = batch
        yield Batch(drone, satellite, labels, [pictures.pairs[int(row)].drone for row in rows])


def train_epoch(
    run: PlacesRun,
    module: nn.Module,
    loaded: Iterator[Batch],
    batches: int,
    planned: int,
    curves: Any,
    asked: Sequence[float],
) -> None:
    """The rest of an epoch.

    Args:
        module: the run's `Step`, as it is or shared by processes.
        loaded: those of the epoch's `batches` that are not done yet.
        planned: steps of the whole run.
        asked: see `stop_requests`.
    """
    config, mine = run.config, run.mine
    since, seen = time.monotonic(), 0
    batches = min(batches, run.batch + (planned - run.step) * config.accumulate)
    for first, end in pairwise([*range(run.batch, batches, config.accumulate), batches]):
        for number in range(first, end):
            batch = next(loaded)
            with nullcontext() if number == end - 1 or mine.count == 1 else module.no_sync():  # type: ignore[operator]
                losses = backward(run, module, batch, 1 / (end - first))
            stop = losses.total.new_tensor(float(bool(asked)))  # all processes must end after the same step
            shown = [getattr(losses, name) for name in run.terms]
            *values, stops = mean_over_all(torch.stack([losses.total, *shown, stop])).tolist()
            if not all(map(math.isfinite, values)):
                raise MeanModelError(not_finite(run, number, values, batch.pictures))
            run.sums = [total + value for total, value in zip(run.sums, [*values, 1.0], strict=True)]
            seen += config.batch
        rate = places_rate(run.step / planned, config)
        update(run, rate)
        run.step, run.batch = run.step + 1, end
        if mine.first and (run.step % config.log_every_steps == 0 or end == batches):
            log_step(run, values, rate, seen / (time.monotonic() - since), batches, curves)
            since, seen = time.monotonic(), 0
        if stops or run.step % config.save_every_steps == 0:
            run.save()
        if stops:
            raise Stopped(f"Stopped after batch {run.batch} of epoch {run.epoch + 1}; the same command goes on.")


def backward(run: PlacesRun, module: nn.Module, batch: Batch, weight: float = 1.0) -> Losses | WeightedLosses:
    """The losses of a batch; their gradients, times `weight`, are added to those that are there.

    Args:
        module: the run's `Step`, as it is or shared by processes.
    """
    device = run.mine.device
    dtype = precision_of(run.config, device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        outputs = module(*(network_input(view, device, run.config.model) for view in (batch.drone, batch.satellite)))
    of_method = method_losses if isinstance(outputs, MethodOutputs) else losses_of
    losses: Losses | WeightedLosses = of_method(outputs, batch.labels.to(device), run.config)
    run.scaler.scale(losses.total * weight).backward()
    return losses


def update(run: PlacesRun, rate: float) -> None:
    """One step of the optimiser with the gradients that are there; they are gone afterwards."""
    set_places_rate(run.optimizer, rate)
    run.scaler.unscale_(run.optimizer)
    nn.utils.clip_grad_value_(run.step_module.parameters(), run.config.clip_value)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    if run.average is not None:
        update_average(run.average, run.step_module.network.state_dict(), run.config.ema if run.step else 0.0)


def not_finite(run: PlacesRun, batch: int, values: Sequence[float], pictures: Sequence[Picture]) -> str:
    """The sentence for a loss that is not finite."""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in zip(run.terms, values[1:], strict=True))
    return (
        f"The loss is not finite in batch {batch + 1} of epoch {run.epoch + 1} ({terms}; "
        f"{some([picture.name for picture in pictures])}): look at these pictures, or lower learning_rate and begin "
        "anew."
    )


def finish_epoch(run: PlacesRun) -> None:
    """Keep what an epoch gave, before the test, which may take long."""
    names = ("total", *run.terms)
    losses = {name: total / max(run.sums[-1], 1) for name, total in zip(names, run.sums[:-1], strict=True)}
    run.epoch, run.batch, run.sums = run.epoch + 1, 0, [0.0] * len(run.sums)
    run.history.append({"epoch": run.epoch, "step": run.step, "losses": losses, "results": None})
    keep(run, "last")
    run.save()


def evaluate_epoch(run: PlacesRun, tests: Sequence[Dataset], curves: Any, last: bool = False) -> None:
    """Test after the epoch that was finished, and keep the weights if they are the best. Args: last: of the run."""
    every = run.config.evaluate_every
    due = every and (last or run.epoch % every == 0 or run.epoch == run.config.epochs)
    results: Results = evaluate_on(run, tests) if due else {}
    run.history[-1]["results"] = results
    score = np.mean([of[0]["recall"]["1"] for of in results.values()]) if results else -1.0
    if score > run.best:
        run.best = float(score)
        keep(run, "best")
    if run.mine.first:
        log_results(run.epoch, results, curves)
        write_history(run)
    run.save()


def keep(run: PlacesRun, name: str) -> None:
    """The weights as a model folder: all of them if every branch was trained, the backbone otherwise."""
    if run.mine.first:
        contents: Contents = "full" if run.step_module.whole else "inference"
        save_model(Path(run.config.out) / name, run.network, run.config.embeds, weights=contents)


@contextmanager
def stop_requests() -> Iterator[list[float]]:
    """When the process was asked to end, monotonic seconds: a step is cut in half only if the asking goes on."""
    asked: list[float] = []

    def note(*_: object) -> None:
        asked.append(time.monotonic())
        if asked[-1] - asked[0] > IMPATIENT_S:
            raise KeyboardInterrupt

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
