"""Known cameras over known ground, for tests of the geometric check."""

import math

import numpy as np
import torch
from PIL import Image
from pyproj import Transformer

from gallery import Gallery
from gallery.geo import LonLat, distance_m
from gallery.judge.local_features import root_sift
from gallery.photo.pose import FILM_DIAGONAL_MM, Pose
from gallery.photo.projection import ground_to_photo
from gallery.tiles import Match
from tests.helpers.builders import textured
from train_scripts.data.simulator.camera import looking_at
from train_scripts.data.simulator.renderer import Surfaces, render

WIDTH, HEIGHT, HFOV_DEG = 640, 480, 62.0
FOCAL_35MM = FILM_DIAGONAL_MM * 0.5 * WIDTH / math.tan(math.radians(HFOV_DEG) / 2) / math.hypot(WIDTH, HEIGHT)
SIDE_PX = 1200
PIXELS = textured(SIDE_PX, SIDE_PX, seed=3)
EAST, NORTH = 500_000, 5_000_000


def surfaces(pixels: np.ndarray) -> Surfaces:
    rgb = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))[None]
    half = SIDE_PX / 2
    return Surfaces.stack(rgb, torch.zeros(1, SIDE_PX, SIDE_PX), 1.0, [-half], [half])


GROUND = surfaces(PIXELS)


def place_of(east_m: float, north_m: float) -> LonLat:
    """A place on the ground, in metres from the middle of the region."""
    to_lonlat = Transformer.from_crs(32633, 4326, always_xy=True)
    return LonLat(*to_lonlat.transform(EAST + SIDE_PX / 2 + east_m, NORTH - SIDE_PX / 2 + north_m))


def taken(ground: Surfaces, pose: Pose, east_m: float = 40.0, north_m: float = -25.0) -> Image.Image:
    """A photo whose centre shows a place."""
    numbers = [torch.tensor([value]) for value in (pose.height_m, pose.heading_deg, pose.pitch_deg)]
    camera = looking_at(torch.tensor([[east_m, north_m, 0.0]]), *numbers, hfov_deg=HFOV_DEG)
    picture, _ = render(ground, torch.zeros(1, dtype=torch.long), camera, WIDTH, HEIGHT, facades=False)
    return Image.fromarray(picture[0].permute(1, 2, 0).round().byte().numpy())


def matches_near(gallery: Gallery, place: LonLat, count: int = 1) -> list[Match]:
    away = [distance_m(place, LonLat(*centre)) for centre in gallery.centres]
    return [Match(rank, gallery.tile(int(row)), 0.5) for rank, row in enumerate(np.argsort(away)[:count], start=1)]


def camera_homography(heading_deg: float, pitch_deg: float, height_m: float) -> np.ndarray:
    """(3, 3): pixels of the photo to metres east and north of the point under its centre."""
    pose = Pose(heading_deg, pitch_deg, height_m, FOCAL_35MM)
    to_ground = np.linalg.inv(ground_to_photo(pose, (WIDTH, HEIGHT)))
    return to_ground / (to_ground[2] @ [WIDTH / 2, HEIGHT / 2, 1])


class PlainSift:
    """SIFT without its directions and sizes: what a network gives."""

    least_cosine, sees_px = 0.9, 12.0

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = root_sift(picture)
        return found.points, found.descriptors
