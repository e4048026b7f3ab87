"""The state of a training on places: how it begins, and the checkpoint from which it goes on bit for bit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mean_model.embedder import Network
from mean_model.errors import CheckpointError
from mean_model.network import MEAN
from mean_model.other_methods.networks import OtherConfig
from train_scripts.training.distributed import Processes, all_objects, share_batch_norm
from train_scripts.training.initial_weights import init_network, init_other
from train_scripts.training.method_step import MethodStep
from train_scripts.training.optimisation import averaged, copied, read_checkpoint, update_average, write_checkpoint
from train_scripts.training.places_config import FREE, PlacesConfig
from train_scripts.training.places_optimizer import places_optimizer
from train_scripts.training.step import Step, precision_of

LOSSES = ("info_nce", "classification", "alignment")
"""Those of MEAN."""

COUNTERS = ("epoch", "batch", "step", "sums", "best", "history")
"""Attributes of `PlacesRun` that say where it is."""

STATE = ("config", "processes", "weights", "average", "optimizer", "scaler", "random", "neighbours", *COUNTERS)
"""Keys of a checkpoint."""


@dataclass
class PlacesRun:
    """A training: its settings, and the state that a checkpoint holds."""

    config: PlacesConfig
    mine: Processes
    step_module: Step | MethodStep
    average: dict[str, Tensor] | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    epoch: int = 0  # finished epochs
    batch: int = 0  # batches done of the one that runs
    step: int = 0  # steps of the optimiser
    sums: list[float] = field(default_factory=list)  # of the losses in this epoch, and their number
    best: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)
    neighbours: Tensor | None = None  # (places, N) that the batches of this epoch were drawn by

    @property
    def terms(self) -> tuple[str, ...]:
        """Losses that are shown beside their weighted sum."""
        return LOSSES if isinstance(self.step_module, Step) else self.step_module.terms

    @property
    def network(self) -> Network:
        """The weights to evaluate and save: averaged ones where there are."""
        if self.average is None:
            return self.step_module.network
        return averaged(self.step_module.network, self.average)

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept."""
        return Path(self.config.out) / "last.pt"

    def save(self) -> None:
        """Write the checkpoint. Every process must call."""
        states = all_objects(_random_states())
        if not self.mine.first:
            return
        write_checkpoint(self.checkpoint, {
            "config": asdict(self.config),
            "processes": self.mine.count,
            "weights": self.step_module.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": states,
            "neighbours": self.neighbours,
            **{name: getattr(self, name) for name in COUNTERS},
        })  # fmt: skip

    def restore(self) -> None:
        """Go on from the checkpoint.

        Raises:
            CheckpointError: it is damaged, or of a run with other settings.
        """
        path, config, mine = self.checkpoint, self.config, self.mine
        state = read_checkpoint(path, STATE)
        saved = state["config"]
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
            update_average(self.average, state["average"], 0.0)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        for name in (*COUNTERS, "neighbours"):
            setattr(self, name, state[name])
        _restore_random(state["random"][mine.rank])


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


def begin_run(config: PlacesConfig, mine: Processes) -> PlacesRun:
    """Weights at the start, the optimiser, and what else a run needs."""
    torch.manual_seed(config.seed)  # the same heads on every process; what the first has is sent to all anyway
    random.seed(config.seed)
    np.random.seed(config.seed)
    start = config.start if mine.first else "scratch"
    network: Network
    if isinstance(config.embeds, OtherConfig):
        network = init_other(config.embeds, start, config.gamma)
    else:
        network = init_network(config.embeds, start, config.start_parts, config.gamma)
    if mine.count > 1:
        share_batch_norm(network, mine.device)
    step: Step | MethodStep = Step(network, config) if isinstance(network, MEAN) else MethodStep(network, config)
    step = step.to(mine.device).to(memory_format=torch.channels_last).train()
    torch.manual_seed(config.seed + mine.rank)  # dropout differs between processes
    average = copied(step.network) if config.ema else None
    optimizer = places_optimizer(step, config)
    scaled = precision_of(config, mine.device) == torch.float16
    scaler = torch.amp.GradScaler(mine.device.type, init_scale=2.0**10, enabled=scaled)
    run = PlacesRun(config, mine, step, average, optimizer, scaler)
    run.sums = [0.0] * (len(run.terms) + 2)
    return run
