"""Packs procedural worlds for training: `python -m train_scripts.data.pack --out FOLDER`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mean_model.atomic_files import replace
from train_scripts.data.world.generate import build_scene
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance, days_of_one_place, sun_direction


@dataclass(frozen=True)
class Order:
    """How worlds are packed."""

    out: Path
    appearances: int = 3
    same_year: float = 0.8  # chance that a day has the first day's crops
    size_m: float = 2048.0
    gsd_m: float = 1.0


def pack_world(scene: Scene, size_m: float, gsd_m: float, appearances: list[Appearance]) -> dict[str, np.ndarray]:
    """One world in several appearances over one height map, as arrays."""
    half = size_m / 2
    layers = [rasterise(scene, (-half, -half, half, half), gsd_m, appearance) for appearance in appearances]
    return {
        "rgb": np.stack([one.rgb for one in layers]),
        "height": layers[0].height.astype(np.float16),
        "wall": layers[0].wall,
        "suns": np.stack([sun_direction(appearance) for appearance in appearances]),
        "meta": np.array(json.dumps({"size_m": size_m, "gsd_m": gsd_m})),
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a world: a killed packer leaves no half of one."""
    replace(path, lambda beside: np.savez(beside, allow_pickle=False, **arrays))


def pack(seed: int, order: Order) -> None:
    """Build the world of this seed and write it, unless it is there."""
    path = order.out / f"world_{seed:06d}.npz"
    if path.exists():
        return
    scene = build_scene(seed, order.size_m)
    days = days_of_one_place(order.appearances, np.random.default_rng(seed), order.same_year)
    write_npz(path, pack_world(scene, order.size_m, order.gsd_m, days))


def pack_all(seeds: Sequence[int], order: Order, workers: int = 1) -> None:
    """Pack worlds in processes of their own, each a core and some 2 GB of memory."""
    order.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool, tqdm(total=len(seeds), unit="world") as bar:
        for done in as_completed([pool.submit(pack, seed, order) for seed in seeds]):
            done.result()
            bar.update()


def main(argv: list[str] | None = None) -> None:
    """Pack worlds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=1000, help="the sample region has seed 6, keep clear of it")
    parser.add_argument("--appearances", type=int, default=3)
    parser.add_argument("--same-year", type=float, default=0.8, help="chance that a day has the first day's crops")
    parser.add_argument("--size-m", type=float, default=2048)
    parser.add_argument("--gsd-m", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1, help="processes, each a core and some 2 GB of memory")
    options = parser.parse_args(argv)
    order = Order(options.out, options.appearances, options.same_year, options.size_m, options.gsd_m)
    pack_all(range(options.first_seed, options.first_seed + options.worlds), order, options.workers)


if __name__ == "__main__":
    main()
