"""Every method that is trained here in one table: `python -m train_scripts.methods --dataset KIND:PATH --budget M`.

Each method of `train_scripts/configs/methods` and MEAN train for the same M minutes, by one trainer, and are tested
both ways under both protocols, as in the paper's Table I. With `--backbone` all share backbone, picture size and one
schedule (AdamW with a cosine, batches of 24 pairs), so that a row shows what heads and losses give. Without it each has
its published backbone, size and schedule, cut to its budget: that takes a GPU. Where parts need a finer map than the
backbone gives, it is made finer, and the column Stride says so.

How many steps fit the budget is measured before each training. "Before" is the same network at the start, its heads
random; the gain is given in standard errors of the two figures. What is finished is not trained again and what was cut
goes on: repeat the command.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gallery.errors import GalleryError
from mean_model.atomic_files import replace_text
from mean_model.embedder import normalised
from mean_model.errors import ConfigError, MeanModelError
from mean_model.malloc import keep_freed_memory
from train_scripts.arguments import program
from train_scripts.cost import cost
from train_scripts.data.loading.pictures import TrainingPictures, collate
from train_scripts.data.readers.dataset import BOTH_WAYS, PROTOCOLS, Dataset
from train_scripts.errors import DatasetError
from train_scripts.text_table import as_text
from train_scripts.train import read_config
from train_scripts.training.checkpoint import begin_run
from train_scripts.training.distributed import Processes, processes
from train_scripts.training.epoch_evaluation import evaluate_on
from train_scripts.training.places import Batch, backward, datasets_of, recipe_of, train, update
from train_scripts.training.places_config import PlacesConfig

CONFIGS = Path(__file__).parent / "configs"
METHODS = ("mean", *sorted(file.stem for file in (CONFIGS / "methods").glob("*.toml")))
TIMED = 3  # steps
HEAD = (
    "Method", "Params (M)", "GFLOPs", "Stride", "Steps", "Before", "D2S R@1", "D2S AP", "S2D R@1", "S2D AP",
    "full D2S R@1", "full D2S AP", "full S2D R@1", "full S2D AP", "Gain / s.e.", "Images/s",
)  # fmt: skip


@dataclass(frozen=True)
class Shared:
    """What all methods train with where they are to share a backbone."""

    backbone: str
    image_size: int
    start: str


def config_of(method: str, shared: Shared | None, overrides: Sequence[str]) -> PlacesConfig:
    """The published config of a method, or its heads and losses with what all share.

    Raises:
        ConfigError: an override that no config has, or a network that cannot be.
    """
    file = CONFIGS / ("university1652.toml" if method == "mean" else f"methods/{method}.toml")
    config = read_config(file, overrides)
    assert isinstance(config, PlacesConfig)
    if shared is None:
        return config
    plain = PlacesConfig(epochs=10**4, batch=24, learning_rate=1e-3, augment=False)
    asked = {override.partition("=")[0].strip() for override in overrides}
    same = ("epochs", "batch", "sampling", "optimizer", "backbone_rate", "rate_steps", "warmup", "weight_decay")
    taken = {name: getattr(plain, name) for name in (*same, "learning_rate", "augment") if name not in asked}
    config = replace(config, start=shared.start, precision="auto", **taken)
    if method == "mean":
        model = replace(config.model, backbone=shared.backbone, image_size=shared.image_size)
        return replace(config, model=model, start_parts="backbone")
    network = replace(config.network, backbone=shared.backbone, image_size=shared.image_size)
    return replace(config, network=replace(network, output_stride=stride_of(config, shared.image_size)))


def stride_of(config: PlacesConfig, image_size: int) -> int:
    """The coarsest stride of a map on which a method's parts can be made; 0 for the backbone's own of 32."""
    head = config.network.of(config.method).head
    least = {"rings": 2 * config.network.parts, "dense_rings": 8, "heat": 2}.get(head, 1)
    for stride in (32, 16, 8):
        if image_size // stride >= least:
            return stride if stride < 32 else 0
    raise ConfigError(f"{config.method} needs a map of {least} x {least}: take an image size of {8 * least} or more.")


def steps_within(config: PlacesConfig, data: Dataset, mine: Processes, minutes: float) -> int:
    """Steps of the optimiser, with the reading of their pictures, that fit into so many minutes.

    One thread of a CPU is asked for its own time, which other programs on the machine do not lengthen.
    """
    alone = mine.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.monotonic
    run = begin_run(replace(config, start="scratch"), mine)
    pictures = TrainingPictures(data.training_pairs(), recipe_of(config), config.seed, 0)
    taken = []
    for number in range(TIMED + 1):
        begun = clock()
        items = [pictures[row] for row in range(number, number + config.batch)]
        drone, satellite, labels, _ = collate(items)
        backward(run, run.step_module, Batch(drone, satellite, labels))
        update(run, 1e-6)
        taken.append(clock() - begun)
    return max(1, int(60 * minutes / median(taken[1:])))


def measured(config: PlacesConfig, minutes: float, mine: Processes) -> dict[str, Any]:
    """The row of one method: trained, unless its result lies in `config.out` already.

    Raises: as `train_scripts.training.places.run_config`.
    """
    result = Path(config.out) / "row.json"
    if result.is_file():
        row: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return row
    data, tests = datasets_of(config)
    config = replace(config, model=replace(config.model, classes=len(data.classes)), evaluate_every=10**6)
    planned = Path(config.out) / "steps.json"
    if not planned.is_file():
        before = begin_run(config, mine)
        facts = {"steps": steps_within(config, data, mine, minutes), "before": evaluate_on(before, tests)[data.name]}
        planned.parent.mkdir(parents=True, exist_ok=True)
        replace_text(planned, json.dumps(facts))
    facts = json.loads(planned.read_text(encoding="utf-8"))
    run = train(replace(config, steps=facts["steps"]), data, tests, mine)
    counted = cost(config.embeds)
    row = {
        "method": "MEAN" if config.method == "mean" else config.network.of(config.method).method,
        "params_m": counted.paper_params_m,
        "gflops": counted.paper_gflops,
        "stride": config.network.output_stride or 32,
        "steps": run.step,
        "before": facts["before"],
        "after": run.history[-1]["results"][data.name],
        "images_per_s": images_per_s(run.network, config, mine),
    }
    replace_text(result, json.dumps(row, indent=1))
    return row


@torch.inference_mode()
def images_per_s(network: torch.nn.Module, config: PlacesConfig, mine: Processes) -> float:
    """Decoded pictures that the network embeds in a second, in batches of eight."""
    side = config.embeds.image_size
    pixels = torch.randint(256, (8, side, side, 3), dtype=torch.uint8, device=mine.device)
    taken = []
    for _ in range(TIMED + 1):
        begun = time.monotonic()
        network.eval()(normalised(pixels))
        if mine.device.type == "cuda":
            torch.cuda.synchronize(mine.device)
        taken.append(time.monotonic() - begun)
    return len(pixels) / median(taken[1:])


def gain(row: Mapping[str, Any]) -> float:
    """R@1 from drone to satellite against that before the training, in standard errors of their difference."""
    shares = [next(iter(row[when]))["recall"]["1"] / 100 for when in ("before", "after")]
    queries = row["after"][0]["queries"]
    error = math.sqrt(sum(max(share * (1 - share), 1 / queries) for share in shares) / queries)
    return (shares[1] - shares[0]) / error


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row under `HEAD`."""
    of = {(one["direction"], one["protocol"]): one for one in row["after"]}
    figures = [
        f"{value:.2f}"
        for protocol in PROTOCOLS
        for direction in BOTH_WAYS
        for value in (of[direction, protocol]["recall"]["1"], of[direction, protocol]["ap"])
    ]
    return [
        row["method"], f"{row['params_m']:.2f}", f"{row['gflops']:.2f}", str(row["stride"]), str(row["steps"]),
        f"{row['before'][0]['recall']['1']:.2f}", *figures, f"{gain(row):+.1f}", f"{row['images_per_s']:.3g}",
    ]  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]], markdown: bool = False) -> str:
    """All rows, and what the columns mean."""
    lines = [list(HEAD), *(cells(row) for row in rows)]
    if markdown:
        lines.insert(1, ["---"] * len(HEAD))
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return as_text(lines) + (
        "\nPercent; the paper's protocol, and the full one. GFLOPs: multiply-adds of a pair of pictures, the mirror "
        "image included where an embedding takes one. Images/s: on this machine, in this run.\n"
    )


def main(argv: list[str] | None = None) -> None:
    """Train what is not trained yet, and print the table."""
    parser = program("methods", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of every training")
    parser.add_argument("--dataset", required=True, metavar="KIND:PATH", help="as for train_scripts.evaluate")
    parser.add_argument("--budget", required=True, type=float, metavar="MINUTES", help="of training, for each method")
    parser.add_argument("--methods", default=",".join(METHODS), help="some of them, with commas between")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/methods"), metavar="DIR", help="a folder for each method"
    )
    parser.add_argument("--backbone", metavar="NAME", help="one that all share, such as convnext_tiny")
    parser.add_argument("--image-size", type=int, default=384, metavar="PX", help="of a shared backbone")
    parser.add_argument("--start", default="imagenet", metavar="SOURCE", help="weights of a shared backbone")
    parser.add_argument("--markdown", action="store_true", help="Markdown instead of plain text")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    asked = [name.strip() for name in options.methods.split(",")]
    if unknown := [name for name in asked if name not in METHODS]:
        parser.error(f"there is no method {unknown[0]}; choose among {', '.join(METHODS)}.")
    if not options.budget > 0:
        parser.error("--budget must be above 0.")
    keep_freed_memory()
    shared = Shared(options.backbone, options.image_size, options.start) if options.backbone else None
    rows = []
    try:
        configs = [(name, config_of(name, shared, options.overrides)) for name in asked]
        with processes() as mine:
            for name, config in configs:
                logging.getLogger("train").info("%s", name)
                config = replace(config, dataset=options.dataset, out=str(options.out / name))
                rows.append(measured(config, options.budget, mine))
    except (MeanModelError, DatasetError, GalleryError) as error:
        parser.error(str(error))
    sys.stdout.write(table(rows, options.markdown))


if __name__ == "__main__":
    main()
