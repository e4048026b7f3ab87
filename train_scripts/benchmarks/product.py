"""Prints how close the product comes to its bare network, as ratios in one run: `python -m train_scripts.benchmark`.

Absolute times depend on the machine and on who else uses it; the ratios much less. Each figure is the median of several
runs that alternate with their reference.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from gallery.constants import SAMPLE
from train_scripts.benchmarks.timing import alternating

BATCH = 32
CUT_ROUNDS = 2  # of all the region's tiles
FORMER_BATCH = 8  # pictures in a pass on a CPU, whatever their size
BEST = 50  # tiles that a check chooses its places from


def bare_network(embedder: Any, *, former: bool = False) -> Callable[[int], Callable[[], Any]]:
    """The network alone on ready pixels of a batch size, in the precision and form that the embedder computes in.

    Args: former: in the form that it is trained in, whatever the embedder does.
    """
    import torch

    from mean_model.inference import for_inference

    dtype = getattr(torch, embedder.precision)
    plain = former or dtype is torch.float32
    network = (copy.deepcopy(embedder.network) if plain else for_inference(embedder.network)).to(dtype)
    network = network.to(memory_format=torch.channels_last)

    def of_batch(count: int) -> Callable[[], Any]:
        pixels = torch.rand(count, 3, embedder.image_size, embedder.image_size, device=embedder.device).to(dtype)
        pixels = pixels.contiguous(memory_format=torch.channels_last)

        def run() -> Any:
            with torch.inference_mode():
                return network(pixels).float().cpu()

        return run

    return of_batch


def answer_ratio(model: str, gallery_dir: Path, photos: list[Path], rounds: int) -> dict[str, Any]:
    """Photo file to answer, over the network alone: on as many views as the answer embeds, and on one picture.

    The check by geometry is not the network's work and stands for itself, on tiles that it sees for the first time: of
    the photos, and of their mirror images, which fit nowhere, so that it looks at every place that it may.
    """
    from PIL import ImageOps

    from gallery import Gallery, Localizer
    from gallery.judge.geometry import PICTURE_PX
    from gallery.search.options import SearchOptions
    from mean_model import load_model

    unverified = SearchOptions(verify=False)

    def check_s(photo: Any) -> float:
        views, ranking = localizer.rank(photo, k=BEST)
        check, _ = Localizer(gallery, embedder).verify(photo, views, ranking, limit_s=math.inf)
        return check.seconds

    with load_model(model) as embedder:
        gallery = Gallery.open(gallery_dir)
        localizer = Localizer(gallery, embedder)
        views = round(median(len(localizer.views(embedder.read(photo)).views) for photo in photos))
        alone = bare_network(embedder)
        next_photo = cycle(photos)

        def answer() -> Any:
            return localizer.localize(next(next_photo), options=unverified)

        answer_s, views_s = alternating(answer, alone(views), rounds)
        again_s, one_s = alternating(answer, alone(1), rounds)
        stages = [localizer.localize(photo, options=unverified).timings for photo in photos]
        reads = [embedder.read(photo, PICTURE_PX) for photo in photos]
        fitting_s = median(map(check_s, reads))
        hopeless_s = median(check_s(replace(read, image=ImageOps.mirror(read.image))) for read in reads)
        return {
            "photo_to_answer_over_network": answer_s / views_s,
            "photo_to_answer_over_one_pass": again_s / one_s,
            "views": views,
            "answer_ms": 1e3 * answer_s,
            "network_ms": 1e3 * views_s,
            "one_pass_ms": 1e3 * one_s,
            "check_over_answer": fitting_s / answer_s,
            "check_ms": 1e3 * fitting_s,
            "hopeless_check_ms": 1e3 * hopeless_s,
            "stages_ms": {name: 1e3 * median(stage[name] for stage in stages) for name in stages[0]},
            "precision": embedder.precision,
        }


def build_ratio(model: str, rounds: int, tile_size_m: float) -> dict[str, Any]:
    """Tiles per second of a gallery built from the sample region, over what the network alone does in batches.

    Where other programs use the machine, the share of the build's core time that the network alone would take says
    more: it is what the ratio comes to when all cores are busy.
    """
    from gallery import build_gallery
    from mean_model import load_model

    with load_model(model) as embedder, tempfile.TemporaryDirectory() as folder:
        number = iter(range(10**9))
        counts: list[int] = []

        def build() -> None:
            out = Path(folder) / str(next(number))
            counts.append(
                len(build_gallery([SAMPLE / "region.tif"], out, embedder, tile_size_m=tile_size_m, overlap=0.0))
            )

        build_core_s: list[float] = []
        batch_core_s: list[float] = []
        build_s, batch_s = alternating(
            core_timed(build, build_core_s), core_timed(bare_network(embedder)(BATCH), batch_core_s), rounds
        )
        built, bare = counts[-1] / build_s, BATCH / batch_s
        core_s = median(build_core_s[1:]) / counts[-1]
        return {
            "build_rate_over_network": built / bare,
            "build_tiles_per_s": built,
            "network_images_per_s": bare,
            "build_core_s_a_tile": core_s,
            "network_share_of_core_time": median(batch_core_s[1:]) / BATCH / core_s,
            "tiles": counts[-1],
        }


def former_ratios(model: str, rounds: int, tile_size_m: float) -> dict[str, Any]:
    """What a former way takes over the way of now, both in turn on one core's time.

    The network: in the form that it is trained in, in batches of FORMER_BATCH. The tiles of a raster with half of each
    in its neighbour: read one by one.
    """
    from gallery.imagery.overlapping import Parts
    from gallery.imagery.raster import Raster
    from mean_model import load_model

    with load_model(model) as embedder, Raster(SAMPLE / "region.tif") as raster:
        batch = embedder.max_batch
        network_s: tuple[list[float], list[float]] = ([], [])
        alternating(
            core_timed(bare_network(embedder, former=True)(FORMER_BATCH), network_s[0]),
            core_timed(bare_network(embedder)(batch), network_s[1]),
            rounds,
        )
        windows = list(raster.windows(tile_size_m, 0.5))
        size_px = embedder.image_size

        def one_by_one() -> None:
            for window in windows:
                raster.image(window, size_px)

        def out_of_parts() -> None:
            parts = Parts()
            for window in windows:
                parts.image(raster, "", window, size_px)

        cut_s: tuple[list[float], list[float]] = ([], [])
        alternating(core_timed(one_by_one, cut_s[0]), core_timed(out_of_parts, cut_s[1]), CUT_ROUNDS)
        former_ms, now_ms = (1e3 * median(taken[1:]) for taken in network_s)
        return {
            "former_network_over_now": former_ms / FORMER_BATCH / (now_ms / batch),
            "former_network_core_ms": former_ms / FORMER_BATCH,
            "network_core_ms": now_ms / batch,
            "former_cutting_over_now": median(cut_s[0][1:]) / median(cut_s[1][1:]),
            "cutting_core_ms": 1e3 * median(cut_s[1][1:]) / len(windows),
        }


def core_timed(work: Callable[[], Any], taken_s: list[float]) -> Callable[[], Any]:
    """The same work; each run adds to `taken_s` what all cores spent on it, whatever else they do."""

    def run() -> Any:
        begun = time.process_time()
        result = work()
        taken_s.append(time.process_time() - begun)
        return result

    return run


def main(argv: list[str] | None = None) -> None:
    """Measure the product beside its bare network, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--gallery", type=Path, default=SAMPLE)
    parser.add_argument("--photos", type=Path, default=SAMPLE / "photos", help="folder of JPEG photos")
    parser.add_argument("--tile-size-m", type=float, default=160)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    photos = sorted(options.photos.glob("*.jpg"))
    if not photos:
        parser.error(f"there are no JPEG photos in {options.photos.name}.")
    from gallery.judge.geometry import MOST_PLACES
    from mean_model.malloc import keep_freed_memory

    keep_freed_memory()
    figures = answer_ratio(options.model, options.gallery, photos, max(options.rounds, len(photos)))
    figures |= build_ratio(options.model, options.rounds, options.tile_size_m)
    figures |= former_ratios(options.model, options.rounds, options.tile_size_m)
    if options.json:
        json.dump(figures, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    stages = ", ".join(f"{name} {value:.0f}" for name, value in figures["stages_ms"].items())
    sys.stdout.write(
        f"photo to answer / bare network   {figures['photo_to_answer_over_network']:6.2f}   "
        f"({figures['answer_ms']:.0f} ms / {figures['network_ms']:.0f} ms on the same {figures['views']} views, "
        f"{figures['precision']}; ms: {stages})\n"
        f"photo to answer / one picture    {figures['photo_to_answer_over_one_pass']:6.2f}   "
        f"(network on a single picture: {figures['one_pass_ms']:.0f} ms)\n"
        f"check by geometry / answer       {figures['check_over_answer']:6.2f}   ({figures['check_ms']:.0f} ms more; "
        f"{figures['hopeless_check_ms']:.0f} ms where nothing fits at {MOST_PLACES} places)\n"
        f"gallery build / bare network     {figures['build_rate_over_network']:6.2f}   "
        f"({figures['build_tiles_per_s']:.0f} / {figures['network_images_per_s']:.0f} images/s, "
        f"{figures['tiles']} tiles)\n"
        f"former network / network         {figures['former_network_over_now']:6.2f}   "
        f"({figures['former_network_core_ms']:.1f} / {figures['network_core_ms']:.1f} ms of a core for each picture)\n"
        f"tiles one by one / out of parts  {figures['former_cutting_over_now']:6.2f}   "
        f"({figures['cutting_core_ms']:.2f} ms of a core for each tile, half of it in its neighbour)\n"
    )
