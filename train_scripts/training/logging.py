"""What a training on places says of itself: lines in the log, TensorBoard curves, and files beside its checkpoint."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_scripts.training.checkpoint import Run

log = logging.getLogger("train")

LOSSES = ("total", "info_nce", "classification", "alignment")

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Datasets that were tested on, with the summaries of their trials: see
`train_scripts.evaluation.protocols.summary`."""


def curves_of(run: Run) -> Any:
    """A TensorBoard writer; None where there is no tensorboard, it is not wanted, or another process writes."""
    if not run.config.tensorboard or not run.mine.first:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("no curves: install tensorboard to have them")
        return None
    return SummaryWriter(str(Path(run.config.out) / "tensorboard"), purge_step=run.step)


def tell_step(run: Run, losses: Sequence[float], rate: float, pairs_per_s: float, batches: int, curves: Any) -> None:
    """A line on the batch that was just done, and its points. Args: losses: as `LOSSES`."""
    scale = float(run.step_module.network.logit_scale.detach().exp())
    log.info(
        "epoch %d  batch %d/%d  loss %.4f  InfoNCE %.4f  classes %.3f  alignment %.4f  rate %.2e  scale %.1f  "
        "%.1f pairs/s",
        run.epoch + 1, run.batch, batches, *losses, rate, scale, pairs_per_s,
    )  # fmt: skip
    if curves is not None:
        points = {f"loss/{name}": value for name, value in zip(LOSSES, losses, strict=True)}
        for name, value in {**points, "run/rate": rate, "run/scale": scale, "run/pairs_per_s": pairs_per_s}.items():
            curves.add_scalar(name, value, run.step)


def tell_results(epoch: int, results: Results, curves: Any) -> None:
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


def write_history(run: Run) -> None:
    """Losses and results of every epoch, and the settings, as JSON."""
    for name, content in (("history", run.history), ("settings", asdict(run.config))):
        file = Path(run.config.out) / f"{name}.json"
        beside = file.with_suffix(".part")
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, file)
