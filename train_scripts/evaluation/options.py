"""What every evaluation is asked for, whatever is searched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from train_scripts.data.readers.dataset import Protocol

if TYPE_CHECKING:
    from mean_model.embedder import Precision


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What to measure, and what to write.

    Attributes:
        model, precision: what `mean_model.load_model` takes; without a model, what the kind of evaluation defaults to.
        protocols: each is measured.
        positions: a KML or CSV with the positions of what is asked.
        skip_unreadable: leave out pictures that cannot be read.
        out: the report; several trials write several files beside each other, named after what differs.
        thumbnail_px: longer side of the queries' small pictures in the report; None holds none.
        progress: draw a bar on stderr.
    """

    model: str | None = None
    precision: Precision = "float32"
    protocols: tuple[Protocol, ...] = ("full",)
    positions: Path | None = None
    skip_unreadable: bool = False
    out: Path | None = None
    thumbnail_px: int | None = None
    progress: bool = True
