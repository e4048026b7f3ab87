"""Pictures of real ground taken as flat, and drone photos rendered over them: one acquisition is map and view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gallery.geo import LonLat, moved
from train_scripts.data.simulator.camera import Cameras, looking_at, pixel_grid, rays
from train_scripts.data.simulator.camera_files import Shot, camera_metadata
from train_scripts.data.simulator.renderer import Surfaces, render
from train_scripts.data.simulator.sensor import photometry
from train_scripts.data.world.rasterise import Appearance

VIEW_PX = 512
FOV_DEG = 60.0  # of the square view: the middle of a 4:3 drone picture
PHOTOMETRY = 0.6
STRAIGHT_DOWN_DEG = -89.9  # a camera has no heading beyond


@dataclass(frozen=True, eq=False)
class FlatGround:
    """A picture of the ground.

    Attributes:
        pixels: (H, W, 3) uint8.
        centre: what its middle shows.
        gsd_m: metres of a pixel, along both sides.
        up_deg: where its upper side points, clockwise from north: a map's grid is turned by some degrees.
    """

    pixels: np.ndarray
    centre: LonLat
    gsd_m: float
    up_deg: float = 0.0

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height on the ground."""
        height_px, width_px = self.pixels.shape[:2]
        return width_px * self.gsd_m, height_px * self.gsd_m

    def place(self, right_m: float, up_m: float) -> LonLat:
        """Where a point lies, given from the picture's middle."""
        up = math.radians(self.up_deg)
        east_m = right_m * math.cos(up) + up_m * math.sin(up)
        return moved(self.centre, east_m, up_m * math.cos(up) - right_m * math.sin(up))

    def surfaces(self) -> Surfaces:
        """The picture as flat ground at height 0, the origin in its middle."""
        width_m, height_m = self.size_m
        pixels = torch.from_numpy(self.pixels)[None]
        return Surfaces.stack(pixels, torch.zeros(pixels.shape[:3]), self.gsd_m, [-width_m / 2], [height_m / 2])


@dataclass(frozen=True)
class GroundView:
    """A camera over a picture of the ground: where it looks, metres right and up of the picture's middle, and how."""

    right_m: float
    up_m: float
    altitude_m: float
    heading_deg: float  # clockwise from the picture's up
    pitch_deg: float

    def cameras(self) -> Cameras:
        """The camera, looking at its ground point at height 0."""
        heading, pitch, altitude = (torch.tensor([v]) for v in (self.heading_deg, self.pitch_deg, self.altitude_m))
        target = torch.tensor([[self.right_m, self.up_m, 0.0]])
        return looking_at(target, altitude, heading, pitch, hfov_deg=FOV_DEG)


def random_view(
    size_m: tuple[float, float],
    altitude_m: tuple[float, float],
    random: np.random.Generator,
    pitch_deg: tuple[float, float] = (-90.0, -60.0),
) -> GroundView:
    """A view whose whole footprint lies in a picture: one that would look over its edge flies lower instead.

    Args:
        size_m: of the picture, width and height.
        altitude_m, pitch_deg: ranges.
    """
    half = np.array(size_m) / 2
    height_m = random.uniform(*altitude_m)
    heading_deg, down_deg = random.uniform(0, 360), max(random.uniform(*pitch_deg), STRAIGHT_DOWN_DEG)
    corners = corners_m(GroundView(0, 0, height_m, heading_deg, down_deg))
    low, high = corners.min(axis=0), corners.max(axis=0)
    fit = min(1.0, *(0.999 * 2 * half / (high - low)))  # the footprint grows with the altitude
    right_m, up_m = random.uniform(-half - fit * low, half - fit * high)
    return GroundView(float(right_m), float(up_m), height_m * float(fit), heading_deg, down_deg)


def corners_m(view: GroundView) -> np.ndarray:
    """(4, 2) metres right and up of the ground under the picture's corners, at height 0."""
    cameras = view.cameras()
    directions = rays(cameras, pixel_grid(2, 2) * VIEW_PX, VIEW_PX)[0]
    points = cameras.position[0] - directions * (cameras.position[0, 2] / directions[:, 2])[:, None]
    return points[:, :2].double().numpy()


def write_view(file: Path, ground: FlatGround, view: GroundView, noise: torch.Generator) -> None:
    """Render a view and write it as a drone would: JPEG with position and attitude."""
    first = torch.zeros(1, dtype=torch.long)
    picture, _ = render(ground.surfaces(), first, view.cameras(), VIEW_PX, VIEW_PX, steps=1, facades=False)
    picture = photometry(picture, noise, PHOTOMETRY)
    back_m = view.altitude_m / math.tan(math.radians(-view.pitch_deg))
    ahead = math.radians(view.heading_deg)
    camera = ground.place(view.right_m - back_m * math.sin(ahead), view.up_m - back_m * math.cos(ahead))
    heading_deg = (view.heading_deg + ground.up_deg) % 360
    shot = Shot(view.right_m, view.up_m, view.altitude_m, heading_deg, view.pitch_deg, 0.0, Appearance(), 0.0, 0)
    exif, xmp = camera_metadata(camera.lon, camera.lat, view.altitude_m, shot, FOV_DEG, 1.0)
    image = Image.fromarray(picture[0].permute(1, 2, 0).round().to(torch.uint8).numpy())
    image.save(file, "JPEG", quality=92, exif=exif, xmp=xmp)
