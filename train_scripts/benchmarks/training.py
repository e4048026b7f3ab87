"""Times training as a config describes it: `python -m train_scripts.benchmark training CONFIG.toml [key=value ...]`.

In one run and on one device: steps of the training on pixels that are already in memory, the rate of a bfloat16 matrix
product to compare them with, and how fast one process reads and augments pictures. The time of a published schedule is
projected from the steps; reading, testing and further GPUs are not in it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from mean_model.errors import ConfigError
from train_scripts.data.loading.pictures import TrainingPictures
from train_scripts.data.readers.dataset import Picture, TrainingPair
from train_scripts.data.readers.expected import DENSEUAV, SUES200_SPLIT, UNIVERSITY1652
from train_scripts.train import start
from train_scripts.training.checkpoint import PlacesRun, begin_run
from train_scripts.training.distributed import Processes
from train_scripts.training.places import Batch, backward, recipe_of, update
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.step import precision_of
from train_scripts.training.worlds_config import WorldsConfig

PICTURE_PX = 512  # side of a picture of the published datasets
TRAINING = {
    "university1652": UNIVERSITY1652["train/drone"],
    "sues200": SUES200_SPLIT["Training/150/drone"],  # all heights hold as many
    "denseuav": DENSEUAV["train/drone"],
}
"""Drone pictures of the published training parts."""


def seconds(function: Callable[[], object], device: torch.device, rounds: int) -> list[float]:
    """How long each of the rounds took, after an unmeasured one."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - begun)
    return taken[1:]


def matmul_rate(device: torch.device) -> float:
    """Operations per second of the best of ten square bfloat16 matrix products."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, side, side, device=device).to(torch.bfloat16)
    return 2 * side**3 / min(seconds(lambda: a @ b, device, 10))


def one_step(run: PlacesRun) -> Callable[[], None]:
    """A step of the training on random pixels that are on the device."""
    config, device = run.config, run.mine.device
    side = config.embeds.image_size
    drone, satellite = torch.randint(256, (2, config.batch, 3, side, side), dtype=torch.uint8, device=device)
    batch = Batch(drone, satellite, torch.arange(config.batch, device=device))

    def step() -> None:
        for _ in range(config.accumulate):
            backward(run, run.step_module, batch, 1 / config.accumulate)
        update(run, 1e-6)

    return step


def reading_rate(config: PlacesConfig, rounds: int) -> float:
    """Pairs per second that one process reads from JPEG files of 512 px and augments."""
    recipe = recipe_of(config)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.jpg"
        coarse = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(coarse).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BICUBIC).save(file, quality=90)
        views = Picture("drone", file, "0000"), Picture("satellite", file, "0000")
        pictures = TrainingPictures([TrainingPair(0, "0000", views[0], views[1:])], recipe, config.seed, 0)
        return 1 / float(np.mean(seconds(lambda: pictures[0], torch.device("cpu"), rounds)))


def measure(config: PlacesConfig, device: torch.device, rounds: int) -> dict[str, Any]:
    """The figures; rates are per second."""
    kind = config.dataset.partition(":")[0]
    published = TRAINING.get(kind)
    pictures, places = (published.pictures or 0, published.places or 0) if published else (0, 0)
    model = replace(config.model, classes=max(places, config.batch))
    config = replace(config, start="scratch", model=model)
    step = one_step(begin_run(config, Processes(device)))
    with FlopCounterMode(display=False) as counter:
        step()
    rate = matmul_rate(device)
    taken = seconds(step, device, rounds)
    rate = max(rate, matmul_rate(device))  # before and after: others may use the machine
    pairs = config.batch * config.accumulate
    step_s = median(taken)
    cuda = device.type == "cuda"
    steps = config.epochs * math.ceil(pictures // config.batch / config.accumulate)
    flops = counter.get_total_flops()
    reading = reading_rate(config, 4 * rounds)
    return {
        "device": torch.cuda.get_device_name(device) if cuda else f"a CPU (threads: {torch.get_num_threads()})",
        "torch": torch.__version__,
        "backbone": config.model.backbone,
        "image_size": config.model.image_size,
        "pairs_per_step": pairs,
        "precision": str(precision_of(config, device)).removeprefix("torch."),
        "rounds": rounds,
        "step_s": {"median": step_s, "fastest": min(taken), "slowest": max(taken)},
        "pairs_per_s": pairs / step_s,
        "images_per_s": 2 * pairs / step_s,
        "step_flops": flops,
        "flops_per_s": flops / step_s,
        "matmul_flops_per_s": rate,
        "share_of_matmul": flops / step_s / rate,
        "peak_memory_gib": torch.cuda.max_memory_allocated(device) / 2**30 if cuda else None,
        "reading_pairs_per_s": reading,
        "readers_needed": math.ceil(pairs / step_s / reading),
        "schedule": {"dataset": kind, "pairs": pictures, "epochs": config.epochs, "steps": steps},
        "schedule_s": steps * step_s,
    }


def text(figures: dict[str, Any]) -> str:
    """The figures in words."""
    taken, schedule, memory = figures["step_s"], figures["schedule"], figures["peak_memory_gib"]
    lines = [
        "{backbone} at {image_size} px, {pairs_per_step} pairs a step, {precision}, on {device}, torch {torch}".format(
            **figures
        ),
        f"step: {taken['median']:.3f} s, median of {figures['rounds']} ({taken['fastest']:.3f} to "
        f"{taken['slowest']:.3f}), pixels in memory: {figures['images_per_s']:.1f} images/s, "
        f"{figures['pairs_per_s']:.1f} pairs/s" + (f", {memory:.1f} GiB at most" if memory else ""),
        f"share of the bfloat16 matrix product's rate: {figures['share_of_matmul']:.3f} "
        f"({figures['flops_per_s'] / 1e12:.2f} of {figures['matmul_flops_per_s'] / 1e12:.2f} TFLOP/s; "
        f"{figures['step_flops'] / 1e12:.3f} TFLOP a step, counted by torch, forward and backward)",
        f"reading and augmenting {PICTURE_PX} px JPEG: {figures['reading_pairs_per_s']:.1f} pairs/s a process; "
        f"processes that keep up with the network: {figures['readers_needed']}",
    ]
    if schedule["pairs"]:
        lines.append(
            f"projected for {schedule['dataset']} as published: {schedule['pairs']:,} pairs x {schedule['epochs']} "
            f"epochs = {schedule['steps']:,} steps, {figures['schedule_s'] / 60:.1f} min without reading and testing"
        )
    return "\n".join(lines) + "\n"


def run(config: WorldsConfig | PlacesConfig, options: argparse.Namespace) -> None:
    """Measure and print."""
    if not isinstance(config, PlacesConfig) or options.rounds < 1:
        raise ConfigError('Only a config with dataset = "KIND:PATH" can be timed, and at least one round.')
    figures = measure(config, torch.device("cuda" if torch.cuda.is_available() else "cpu"), options.rounds)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n" if options.json else text(figures))


def main(argv: list[str] | None = None) -> None:
    """Time training as a config describes it, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="steps to time (default 10)")
    parser.add_argument("--json", action="store_true")
    start(parser, argv, run)
