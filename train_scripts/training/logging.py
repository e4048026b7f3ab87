"""What a training says of itself: lines in the log, TensorBoard curves, and files beside its checkpoint."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mean_model.atomic_files import replace_text
from train_scripts.training.checkpoint import PlacesRun
from train_scripts.training.step import Step

log = logging.getLogger("train")

_SHORT = {"total": "loss", "info_nce": "InfoNCE", "classification": "classes"}

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Datasets that were tested on, with the summaries of their trials: see
`train_scripts.evaluation.protocols.summary`."""


def curves_of(run: PlacesRun) -> Any:
    """A TensorBoard writer; None where there is no tensorboard, it is not wanted, or another process writes."""
    if not run.config.tensorboard or not run.mine.first:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("no curves: install tensorboard to have them")
        return None
    return SummaryWriter(str(Path(run.config.out) / "tensorboard"), purge_step=run.step)


def log_step(
    run: PlacesRun, losses: Sequence[float], rate: float, pairs_per_s: float, batches: int, curves: Any
) -> None:
    """A line on the batch that was just done, and its points. Args: losses: the weighted sum, and the run's terms."""
    step = run.step_module
    scale = float((step.network if isinstance(step, Step) else step).logit_scale.detach().exp())  # type: ignore[operator]
    names = ("total", *run.terms)
    shown = "  ".join(f"{_SHORT.get(name, name)} {value:.4f}" for name, value in zip(names, losses, strict=True))
    log.info(
        "epoch %d  batch %d/%d  %s  rate %.2e  scale %.1f  %.1f pairs/s",
        run.epoch + 1, run.batch, batches, shown, rate, scale, pairs_per_s,
    )  # fmt: skip
    if curves is not None:
        points = {f"loss/{name}": value for name, value in zip(names, losses, strict=True)}
        for name, value in {**points, "run/rate": rate, "run/scale": scale, "run/pairs_per_s": pairs_per_s}.items():
            curves.add_scalar(name, value, run.step)


def log_results(epoch: int, results: Results, curves: Any) -> None:
    """A line on every trial, and its points."""
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


def write_history(run: PlacesRun) -> None:
    """Losses and results of every epoch, and the settings, as JSON."""
    for name, content in (("history", run.history), ("settings", asdict(run.config))):
        replace_text(Path(run.config.out) / f"{name}.json", json.dumps(content, indent=1) + "\n")


class Pace:
    """How fast training is, over the steps since the last summary.

    A GPU runs behind the program. So it is waited for around every `EVERY`th step only, and the network's share is
    that of those steps; on a CPU the share is of all of them.
    """

    EVERY = 25

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.forget()

    def forget(self) -> None:
        """Begin to count anew."""
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
        """A step of so many pairs. Args: began, drawn, done: its seams, see `now`."""
        self.pairs += pairs
        if began is not None and drawn is not None and done is not None:
            self.drawing_s += drawn - began
            self.whole_s += done - began

    def summary(self) -> str:
        """Pairs per second, and the share of time that the network with its losses and updates takes."""
        share = 1 - self.drawing_s / self.whole_s if self.whole_s else float("nan")
        rate = self.pairs / (time.monotonic() - self.began)
        self.forget()
        return f"{rate:.0f} pairs/s  network {100 * share:.0f} %"
