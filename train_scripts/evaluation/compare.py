"""Several models on the same queries: each is looked at before anything long runs, then measured; one table for all."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gallery import Gallery
from gallery.embedder import read_photo
from gallery.errors import UnreadablePhoto
from gallery.imagery.images import images_below
from train_scripts.arguments import check_out, names_for_files, one_of_several
from train_scripts.cost import cost
from train_scripts.data.readers.dataset import PROTOCOLS
from train_scripts.data.readers.listing import shown
from train_scripts.data.readers.read_dataset import parse_spec
from train_scripts.errors import MissingPart
from train_scripts.evaluation import photos, places
from train_scripts.evaluation.photos import PhotosOptions
from train_scripts.evaluation.places import PlacesOptions
from train_scripts.text_table import as_text

if TYPE_CHECKING:
    import torch

    from mean_model.embedder import Embedder, Precision

PASSES = 5
"""Passes over a batch that are timed, after one that warms up; the fastest counts."""

ENOUGH_S = 10.0
"""Seconds after which no further pass is timed."""

LOOKED_AT = 200
"""Pictures of a folder that are tried for a batch that can be read."""


@dataclass(frozen=True)
class RunningCost:
    """What embedding costs with a model, and how fast it was on this machine.

    Attributes:
        inference_params_m: millions of parameters that an embedding depends on.
        gflops_per_photo: thousand millions of operations for one picture, a multiply-add being two.
        dimension: numbers in an embedding.
        image_size: side of the square input, pixels.
        images_per_s: pictures embedded in a second, see `images_per_second`.
        batch: pictures in one pass of that measurement.
        precision, device: that it was made in and on.
    """

    inference_params_m: float
    gflops_per_photo: float
    dimension: int
    image_size: int
    images_per_s: float
    batch: int
    precision: str
    device: str


@dataclass(frozen=True)
class Contender:
    """A model that can be loaded.

    Attributes:
        source: what `mean_model.load_model` takes.
        name: of the weights, for people; two models may share it.
        label: tells it from the others, also in file names.
    """

    source: str
    name: str
    label: str
    cost: RunningCost


def run_one(options: PhotosOptions | PlacesOptions) -> Iterator[dict[str, Any]]:
    """Measure one model; a summary for each trial."""
    return photos.run(options) if isinstance(options, PhotosOptions) else places.run(options)


def run(
    options: PhotosOptions | PlacesOptions, sources: Sequence[str], galleries: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Measure models one after another; the summaries of `run_one`, with the model's label and cost.

    No two models are in memory at once. Reports are named after the models.

    Args:
        options: for one model; its own is left aside.
        sources: of the models.
        galleries: keeps the tiles of a gallery as other models embed them; None: a temporary folder.

    Raises:
        DatasetError, MeanModelError, GalleryError: one sentence on what is wrong and what to do.
    """
    check_out(options.out)
    contenders = looked_at(sources, options.precision, _pictures(options), progress=options.progress)
    with TemporaryDirectory(prefix="tiles-") if galleries is None else nullcontext(galleries) as folder:
        for contender in contenders:
            out = options.out and one_of_several(options.out, contender.label)
            own = replace(options, model=contender.source, out=out)
            if isinstance(own, PhotosOptions):
                own = replace(own, again=Path(folder))
            for summary in run_one(own):
                yield {**summary, "label": contender.label, "cost": asdict(contender.cost)}


def looked_at(
    sources: Sequence[str], precision: Precision, pictures: Sequence[Path], *, progress: bool = True
) -> list[Contender]:
    """Load every model once, and measure what it costs.

    Args:
        pictures: of which the first that can be read are embedded.
        progress: draw a bar on stderr.

    Raises:
        MeanModelError: a model cannot be loaded.
    """
    from mean_model import load_model

    found: list[tuple[str, str, RunningCost]] = []
    for source in tqdm(sources, unit="model", desc="models", file=sys.stderr, disable=not progress):
        with load_model(source, precision=precision) as embedder:
            found.append((source, embedder.name, running_cost(embedder, pictures)))
    labels = names_for_files([name for _, name, _ in found])
    return [Contender(source, name, label, own) for (source, name, own), label in zip(found, labels, strict=True)]


def running_cost(embedder: Embedder, pictures: Sequence[Path]) -> RunningCost:
    """Count a model's network, and time it."""
    counted = cost(embedder.config)
    return RunningCost(
        inference_params_m=counted.params_m,
        gflops_per_photo=counted.gflops,
        dimension=counted.dimension,
        image_size=embedder.image_size,
        images_per_s=images_per_second(embedder, pictures),
        batch=embedder.max_batch,
        precision=embedder.precision,
        device=_device(embedder.device),
    )


def _device(device: torch.device) -> str:
    import torch

    return f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else torch.cuda.get_device_name(device)


def images_per_second(embedder: Embedder, files: Sequence[Path]) -> float:
    """How many pictures a second `Embedder.embed` takes: resizing, network and fetching the vectors, without decoding.

    One full batch of pictures that were read before, the same ones again where there are fewer, is embedded once to
    warm up and then at most `PASSES` times; the fastest pass counts. The figure is of this machine and this moment.

    Raises:
        MissingPart: none of the pictures can be read.
    """
    decoded = list(islice(_read(embedder, files), embedder.max_batch))
    if not decoded:
        raise MissingPart(f"None of the {len(files)} pictures that were looked at can be read. Check the folder.")
    batch = list(islice(cycle(decoded), embedder.max_batch))
    embedder.embed(batch)
    seconds: list[float] = []
    while len(seconds) < PASSES and sum(seconds) < ENOUGH_S:
        begun = time.perf_counter()
        embedder.embed(batch)
        seconds.append(time.perf_counter() - begun)
    return len(batch) / min(seconds)


def _read(embedder: Embedder, files: Sequence[Path]) -> Iterator[Any]:
    for file in files:
        try:
            yield read_photo(embedder, file)
        except UnreadablePhoto:
            continue  # the measurement itself says what is wrong with it


def _pictures(options: PhotosOptions | PlacesOptions) -> list[Path]:
    """The first pictures of what is asked; on the way it is seen that there is something to ask and to search."""
    if isinstance(options, PhotosOptions):
        Gallery.open(options.gallery)
        folder = options.photos
    else:
        _, folder = parse_spec(options.dataset)
    found = list(islice(images_below(folder), LOOKED_AT))
    if not found:
        raise MissingPart(f"There are no pictures in {shown(folder.name)}. Check its path.")
    return found


# --- the table ---

_LEGEND = (
    "Params: those that an embedding depends on. GFLOP: of one picture, a multiply-add being two. D: numbers in an "
    "embedding.\nImages/s: measured on this machine in this run, {batches} decoded pictures in one call, {precision}, "
    "{device}."
)


def table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """A table for each trial with a row for each model; intervals (95 %) where the evaluation gives them.

    Args: summaries: of `run`.
    """
    trials: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for summary in summaries:
        varied = [summary[key] for key in ("condition", "height_m") if summary.get(key) is not None]
        trials.setdefault((summary["direction"], summary["protocol"], *map(str, varied)), []).append(summary)
    parts = [f"{_title(trial, of)}\n\n{as_text([_head(of[0]), *_rows(of)])}" for trial, of in trials.items()]
    return "\n\n".join([*parts, _legend([summary["cost"] for summary in summaries])]) + "\n"


def _title(trial: Sequence[str], summaries: Sequence[Mapping[str, Any]]) -> str:
    direction, protocol, *varied = trial
    asked = sorted({f"{summary['queries']:,}" for summary in summaries})
    what = ", ".join([direction, f"{protocol} protocol ({PROTOCOLS[protocol]})", *varied])  # type: ignore[index]
    return f"{what}: {' or '.join(asked)} queries against {summaries[0]['gallery']:,}; percent"


def _head(summary: Mapping[str, Any]) -> list[str]:
    return ["Model", *(f"R@{k}" for k in summary["recall"]), "AP", "Params (M)", "GFLOP", "Input", "D", "Images/s"]


def _rows(summaries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each model, by its name where that tells it from the others."""
    names = [str(summary["model"]) for summary in summaries]
    called = [name if names.count(name) == 1 else one["label"] for name, one in zip(names, summaries, strict=True)]
    return [[shown(name), *_figures(summary)] for name, summary in zip(called, summaries, strict=True)]


def _figures(summary: Mapping[str, Any]) -> list[str]:
    own = summary["cost"]
    intervals = summary.get("interval95", {})
    recall = [
        f"{value:.2f}" + (f" ({intervals[k][0]:.1f}-{intervals[k][1]:.1f})" if k in intervals else "")
        for k, value in summary["recall"].items()
    ]
    costs = [
        f"{own['inference_params_m']:.2f}",
        f"{own['gflops_per_photo']:.2f}",
        f"{own['image_size']} px",
        str(own["dimension"]),
    ]
    return [*recall, f"{summary['ap']:.2f}", *costs, f"{own['images_per_s']:.3g}"]


def _legend(costs: Sequence[Mapping[str, Any]]) -> str:
    def known(key: str) -> str:
        return " or ".join(sorted({str(own[key]) for own in costs}))

    return _LEGEND.format(batches=known("batch"), precision=known("precision"), device=known("device"))
