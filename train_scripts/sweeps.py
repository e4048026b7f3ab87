"""How finding depends on one thing at a time: `python -m train_scripts.sweeps --out FOLDER` writes sweeps.csv and .png.

Photos are rendered over the sample region (procedural imagery) at random points, from 160 m, 15 degrees off nadir, on
a summer day; then one thing changes and all else stays: flight height, pitch, errors of the stated heading and height,
how far the point lies from the middle of the tile that shows it, season, and weather. They are searched in the sample
gallery with their stated pose, for the offset among tiles that do not overlap.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer
from gallery.constants import SAMPLE
from gallery.geo import LonLat, moved, offsets_m
from gallery.intervals import wilson
from gallery.tiles import Tile
from mean_model import MeanModelError
from mean_model.photo import Photo
from mean_model.photo_metadata import StatedPose
from train_scripts.arguments import program
from train_scripts.data.loading import weather
from train_scripts.data.simulator.camera import DRONE_HFOV_DEG, looking_at
from train_scripts.data.simulator.camera_files import Shot, focal_35mm
from train_scripts.data.simulator.renderer import Surfaces, height_at, render
from train_scripts.data.simulator.sensor import add_haze, photometry
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import SEASONS, sun_direction
from train_scripts.make_sample import SATELLITE, planned_shots, sample_scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 19  # of the points; the held-out photos have 13
WIDTH_PX, HEIGHT_PX = 512, 384
GSD_M = 1.0
MOST_SPOTS = 1000
REACH_M = 520.0  # of ground around a point that is drawn
VISIBILITY_M = 8000.0
STEPS = 96
ORIGIN = LonLat(0.0, 0.0)  # of the scene's metres


@dataclass(frozen=True)
class Conditions:
    """How a photo is taken."""

    altitude_m: float = 160.0
    pitch_deg: float = -75.0
    heading_error_deg: float = 0.0  # stated minus true
    height_factor: float = 1.0  # stated over true
    offset: float | None = None  # of the point from the tile's middle, in tile sides; None: wherever it lies
    season: str = "summer"
    weather: str = weather.CONDITIONS[0]


SWEEPS: Mapping[str, tuple[float | str, ...]] = MappingProxyType(
    {
        "altitude_m": (60, 90, 130, 180, 250, 350),
        "pitch_deg": (-90, -75, -60, -45, -35),
        "heading_error_deg": (0, 5, 10, 20, 30, 45),
        "height_factor": (0.6, 0.75, 0.9, 1, 1.15, 1.35, 1.6),
        "offset": (0, 0.1, 0.2, 0.3, 0.4, 0.5),
        "season": SEASONS,
        "weather": weather.CONDITIONS,
    }
)

AXES = MappingProxyType(
    {
        "altitude_m": "flight height, m",
        "pitch_deg": "pitch, degrees",
        "heading_error_deg": "error of the stated heading, degrees",
        "height_factor": "stated over true height",
        "offset": "offset from the tile's middle, tile sides",
        "season": "season",
        "weather": "weather",
    }
)


@dataclass(frozen=True)
class SweepPoint:
    """R@1 of one value of one sweep."""

    sweep: str
    value: float | str
    right: int
    photos: int

    @property
    def recall(self) -> float:
        """Percent."""
        return 100 * self.right / self.photos

    @property
    def interval95(self) -> tuple[float, float]:
        """Percent."""
        low, high = wilson(self.right, self.photos)
        return low, high


class Spot:
    """A point of the sample region, and its ground as it looks in each season.

    Args:
        shot: says where, and which way the camera looks.
        tile: of a lattice without overlap, which shows the point.
    """

    def __init__(self, scene: Scene, shot: Shot, tile: Tile) -> None:
        self.tile = tile
        self._scene, self._shot = scene, shot
        self._seen: dict[str, Surfaces] = {}

    def ground(self, season: str) -> Surfaces:
        """The ground around the point in a season."""
        if season not in self._seen:
            x, y = self._shot.east_m, self._shot.north_m
            window = (x - REACH_M, y - REACH_M, x + REACH_M, y + REACH_M)
            layers = rasterise(self._scene, window, GSD_M, replace(SATELLITE, season=season, sun_azimuth_deg=210.0))
            rgb, height, wall = (torch.from_numpy(part)[None] for part in (layers.rgb, layers.height, layers.wall))
            self._seen[season] = Surfaces.stack(rgb, height, GSD_M, [window[0]], [window[3]], wall)
        return self._seen[season]

    def photo(self, conditions: Conditions) -> tuple[Photo, LonLat]:
        """A photo of the point, or of one beside the tile's middle, and what its centre shows."""
        x, y = self._shot.east_m, self._shot.north_m
        if conditions.offset is not None:
            middle = np.array(offsets_m(ORIGIN, self.tile.centre))
            side = np.random.default_rng(self._shot.seed).choice(np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]))
            x, y = middle + 0.999 * conditions.offset * self.tile.side_m * side
        ground, one, which = self.ground(conditions.season), torch.ones(1), torch.zeros(1, dtype=torch.long)
        z = height_at(ground, which, torch.tensor([[x]]).float(), torch.tensor([[y]]).float())
        target = torch.tensor([[x, y, float(z)]], dtype=torch.float32)
        pitch_deg, heading_deg = max(conditions.pitch_deg, -89.9), self._shot.heading_deg
        cameras = looking_at(target, one * conditions.altitude_m, one * heading_deg, one * pitch_deg)
        sun = torch.from_numpy(sun_direction(SATELLITE))[None]
        picture, hits = render(ground, which, cameras, WIDTH_PX, HEIGHT_PX, steps=STEPS, sun=sun)
        distance = (hits.points - cameras.position[:, None]).norm(dim=-1).reshape(1, HEIGHT_PX, WIDTH_PX)
        noise = torch.Generator().manual_seed(self._shot.seed)
        picture = photometry(add_haze(picture, distance, torch.tensor([VISIBILITY_M])), noise, 0.6)
        pixels = picture[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
        image = Image.fromarray(weather.apply(conditions.weather, pixels, self._shot.seed))
        pose = StatedPose(
            (heading_deg + conditions.heading_error_deg) % 360,
            pitch_deg,
            conditions.altitude_m * conditions.height_factor,
            focal_35mm(DRONE_HFOV_DEG, HEIGHT_PX / WIDTH_PX),
        )
        name = f"spot {self._shot.seed}"
        return Photo(image, name, WIDTH_PX, HEIGHT_PX, pose=pose), moved(ORIGIN, float(x), float(y))


def lattice(gallery: Gallery) -> np.ndarray:
    """(N,) bool: tiles that touch but do not overlap, from the upper left of a gallery of one raster."""
    tiles = gallery.tiles
    across, down = (tiles[column].mode()[0] for column in ("width_px", "height_px"))
    return np.asarray((tiles["col_px"] % across == 0) & (tiles["row_px"] % down == 0))


def spots(gallery: Gallery, count: int) -> Iterator[Spot]:
    """Random points over land that tiles of the lattice show."""
    scene = sample_scene()
    tiles = [gallery.tile(int(row)) for row in np.flatnonzero(lattice(gallery))]
    shown = (
        Spot(scene, shot, tile)
        for shot in planned_shots(MOST_SPOTS, SEED)
        for tile in tiles
        if tile.contains(moved(ORIGIN, shot.east_m, shot.north_m))
    )
    return islice(shown, count)


def sweep(localizer: Localizer, count: int, names: Sequence[str], *, progress: bool = True) -> list[SweepPoint]:
    """R@1 of each value of the sweeps, at so many points."""
    gallery = localizer.gallery
    apart = lattice(gallery)
    photographed = {(name, value): Conditions(**{name: value}) for name in names for value in SWEEPS[name]}  # type: ignore[arg-type]
    right, photos = dict.fromkeys(photographed, 0), 0
    for spot in tqdm(spots(gallery, count), total=count, unit="spot", file=sys.stderr, disable=not progress):
        photos += 1
        for (name, value), conditions in photographed.items():
            photo, truth = spot.photo(conditions)
            _, ranking = localizer.rank(photo, 1, allowed=apart if name == "offset" else None)
            right[name, value] += int(ranking.rows[0]) in gallery.covering([truth])[0]
    return [SweepPoint(name, value, hits, photos) for (name, value), hits in right.items()]


def write_table(file: Path, points: Sequence[SweepPoint]) -> None:
    """The curves as a table."""
    with file.open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("sweep", "value", "right", "photos", "recall", "low95", "high95"))
        rows.writerows((p.sweep, p.value, p.right, p.photos, f"{p.recall:.2f}", *p.interval95) for p in points)


def draw(points: Sequence[SweepPoint], title: str) -> Figure:
    """A panel for each sweep, intervals as bars."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(point.sweep for point in points))
    figure = Figure(figsize=(3.2 * min(4, len(names)), 2.9 * -(-len(names) // 4)), layout="constrained")
    panels = figure.subplots(-(-len(names) // 4), min(4, len(names)), squeeze=False, sharey=True).ravel()
    for panel, name in zip(panels, names, strict=False):
        own = [point for point in points if point.sweep == name]
        recall = np.array([point.recall for point in own])
        reach = np.abs(np.array([point.interval95 for point in own]).T - recall)
        words = isinstance(own[0].value, str)
        at = np.arange(len(own)) if words else np.array([float(point.value) for point in own])
        panel.errorbar(at, recall, reach, marker="o", markersize=4, capsize=2, linestyle="" if words else "-")
        if words:
            panel.set_xticks(at, [str(point.value) for point in own], rotation=60, ha="right")
        panel.set_xlabel(AXES[name])
        panel.set_ylim(0, 103)
        panel.grid(alpha=0.3)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    figure.supylabel("R@1, %")
    figure.suptitle(title, fontsize="medium")
    return figure


def main(argv: list[str] | None = None) -> None:
    """Sweep, and write the table and its figure."""
    parser = program("sweeps", __doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--photos", type=int, default=20, metavar="N", help="for each value (default 20)")
    parser.add_argument("--sweep", action="append", choices=tuple(SWEEPS), help="again for each (default: all)")
    parser.add_argument(
        "--gallery", type=Path, default=SAMPLE, metavar="DIR", help="of the sample region, other weights"
    )
    options = parser.parse_args(argv)
    from mean_model import load_model

    try:
        gallery = Gallery.open(options.gallery)
        with load_model(gallery.model_source, precision="float32") as embedder:
            points = sweep(Localizer(gallery, embedder), options.photos, options.sweep or tuple(SWEEPS))
            title = f"{embedder.name}: {points[0].photos} rendered photos for each value, {len(gallery):,} tiles"
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    write_table(options.out / "sweeps.csv", points)
    draw(points, title).savefig(options.out / "sweeps.png", dpi=110)
    for point in points:
        low, high = point.interval95
        sys.stdout.write(f"{point.sweep:18} {point.value!s:>12}  R@1 {point.recall:5.1f} % ({low:.1f}-{high:.1f})\n")


if __name__ == "__main__":
    main()
