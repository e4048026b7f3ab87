"""Drone photos of a procedural scene as camera files: rendered, degraded, written as JPEG with EXIF and XMP."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from pyproj import CRS, Transformer

from train_scripts.data.simulator.camera import DRONE_HFOV_DEG, Cameras, looking_at, pixel_grid, rays
from train_scripts.data.simulator.renderer import Surfaces, footprints, ground_points, render
from train_scripts.data.simulator.sensor import add_haze, photometry
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance, sun_direction

REGION_CRS = CRS.from_proj4("+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs")
"""Metres around 0 N 0 E: true to scale within a millimetre per kilometre over the sample region."""

MARGIN_M = 60.0  # of scene around the footprint, for what leans into the picture and for shadows
WINDOW_M = 1100.0  # the farthest ground that is rasterised in front of the camera


@dataclass(frozen=True)
class Shot:
    """One camera over a scene, before it is rendered.

    Attributes:
        east_m, north_m: ground point that the image centre aims at.
        altitude_m: of the camera above that ground point.
        heading_deg, pitch_deg, roll_deg: attitude; pitch -90 is straight down.
        appearance: season, sun, cars and air of the day.
        visibility_m: of the haze.
        seed: of sensor noise and light.
    """

    east_m: float
    north_m: float
    altitude_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    appearance: Appearance
    visibility_m: float
    seed: int


@dataclass(frozen=True)
class RenderedPhoto:
    """A photo with its exact truth, positions in degrees.

    Attributes:
        jpeg: the file's bytes, EXIF included.
        camera: lon, lat of the camera; `camera_z_m` above sea level.
        ground: lon, lat under the image centre; `ground_z_m` its height.
        footprint: lon, lat corners of the visible ground, clockwise from the upper left of the picture.
    """

    jpeg: bytes
    camera: tuple[float, float]
    camera_z_m: float
    ground: tuple[float, float]
    ground_z_m: float
    footprint: tuple[tuple[float, float], ...]
    shot: Shot


def _window(cameras: Cameras, ground_z: float, width: int, height: int) -> tuple[float, float, float, float]:
    """West, south, east, north of the ground that the picture may show, in metres."""
    corners = pixel_grid(2, 2) * torch.tensor([width / 1.0, height / 1.0])
    directions = rays(cameras, corners, width)[0].double()
    x0, y0, z0 = cameras.position[0].double().tolist()
    xs, ys = [x0], [y0]
    for dx, dy, dz in directions.tolist():
        fall = (z0 - ground_z + 10) / max(-dz, 1e-3 * math.hypot(dx, dy))
        reach = math.hypot(dx, dy) * fall
        fall *= min(1.0, WINDOW_M / max(reach, 1e-6))
        xs.append(x0 + dx * fall)
        ys.append(y0 + dy * fall)
    return min(xs) - MARGIN_M, min(ys) - MARGIN_M, max(xs) + MARGIN_M, max(ys) + MARGIN_M


def _rational_dms(degrees: float) -> tuple[float, float, float]:
    value = abs(degrees)
    d = int(value)
    m = int((value - d) * 60)
    return float(d), float(m), round((value - d - m / 60) * 3600, 5)


def focal_35mm(hfov_deg: float, aspect: float) -> float:
    """Focal length in millimetres for the diagonal of 36 x 24 mm film, as CIPA's rule compares them.

    Args: hfov_deg: horizontal field of view; aspect: height over width of the picture.
    """
    return math.hypot(36, 24) / (2 * math.tan(math.radians(hfov_deg) / 2) * math.hypot(1, aspect))


def camera_metadata(
    lon: float, lat: float, z_m: float, shot: Shot, hfov_deg: float, aspect: float, taken_at: datetime | None = None
) -> tuple[Image.Exif, bytes]:
    """EXIF with position, altitude, heading and focal length, and XMP with the gimbal's attitude as drones write it.

    The height above take-off is the one above the ground point: a pilot who took off at its level.

    Args:
        aspect: height over width of the picture.
        taken_at: by the camera's clock, with its time zone.
    """
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Simulated", "Null Island drone"
    exif[0x8825] = {
        1: "N" if lat >= 0 else "S",
        2: _rational_dms(lat),
        3: "E" if lon >= 0 else "W",
        4: _rational_dms(lon),
        5: b"\x00" if z_m >= 0 else b"\x01",
        6: round(abs(z_m), 2),
        16: "T",
        17: round(shot.heading_deg % 360, 2),
    }
    exif[0x8769] = {0xA405: round(focal_35mm(hfov_deg, aspect))}
    if taken_at is not None:
        offset = f"{taken_at:%z}"
        exif[0x8769] |= {
            0x9003: f"{taken_at:%Y:%m:%d %H:%M:%S}",
            0x9291: f"{taken_at.microsecond // 1000:03d}",
            0x9011: f"{offset[:3]}:{offset[3:]}",
        }
    yaw = (shot.heading_deg + 180) % 360 - 180
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" '
        f'drone-dji:AbsoluteAltitude="{z_m:+.2f}" drone-dji:RelativeAltitude="{shot.altitude_m:+.2f}" '
        f'drone-dji:GimbalPitchDegree="{shot.pitch_deg:+.2f}" drone-dji:GimbalYawDegree="{yaw:+.2f}" '
        f'drone-dji:GimbalRollDegree="{shot.roll_deg:+.2f}"/></rdf:RDF></x:xmpmeta>'
    )
    return exif, xmp.encode()


def take_photo(
    scene: Scene,
    shot: Shot,
    *,
    width: int = 1440,
    height: int = 1080,
    finest_gsd_m: float = 0.2,
    steps: int = 96,
    jpeg_quality: int = 88,
    taken_at: datetime | None = None,
) -> RenderedPhoto:
    """Render one photo of the scene, rasterised around the camera as finely as the picture needs."""
    cameras, ground_z = _camera_of(scene, shot)
    window, gsd_m = _window(cameras, ground_z, width, height), max(finest_gsd_m, 0.8 * _pixel_m(shot, width))
    surfaces = _surfaces_around(scene, shot, window, gsd_m)
    which = torch.zeros(1, dtype=torch.long)
    sun = torch.from_numpy(sun_direction(shot.appearance))[None]
    picture, hits = render(surfaces, which, cameras, width, height, steps=steps, sun=sun)
    distance = (hits.points - cameras.position[:, None]).norm(dim=-1).reshape(1, height, width)
    generator = torch.Generator().manual_seed(shot.seed)
    picture = photometry(add_haze(picture, distance, torch.tensor([shot.visibility_m])), generator, 0.6)
    ground = ground_points(surfaces, which, cameras)[0].tolist()
    outline = footprints(surfaces, which, cameras, width, height)[0].tolist()

    to_degrees = Transformer.from_crs(REGION_CRS, 4326, always_xy=True).transform
    x, y, z = cameras.position[0].tolist()
    lon, lat = to_degrees(x, y)
    exif, xmp = camera_metadata(lon, lat, z, shot, DRONE_HFOV_DEG, height / width, taken_at)
    buffer = BytesIO()
    image = Image.fromarray(picture[0].permute(1, 2, 0).round().byte().numpy())
    image.save(buffer, "JPEG", quality=jpeg_quality, exif=exif, xmp=xmp)
    return RenderedPhoto(
        jpeg=buffer.getvalue(),
        camera=(lon, lat),
        camera_z_m=z,
        ground=to_degrees(ground[0], ground[1]),
        ground_z_m=ground[2],
        footprint=tuple(to_degrees(px, py) for px, py in outline),
        shot=shot,
    )


def _camera_of(scene: Scene, shot: Shot) -> tuple[Cameras, float]:
    """The camera, and the height of the ground that it aims at."""
    x, y = shot.east_m, shot.north_m
    here = rasterise(scene, (x - 2, y - 2, x + 2, y + 2), 0.5, shot.appearance)
    ground_z = float(here.height[here.height.shape[0] // 2, here.height.shape[1] // 2])
    target = torch.tensor([[x, y, ground_z]])
    stated = (shot.altitude_m, shot.heading_deg, max(shot.pitch_deg, -89.9), shot.roll_deg)
    altitude, heading, pitch, roll = (torch.ones(1) * value for value in stated)
    return looking_at(target, altitude, heading, pitch, roll), ground_z


def _pixel_m(shot: Shot, width: int) -> float:
    """Side of a pixel in the middle of the picture, metres on the ground."""
    distance_m = shot.altitude_m / math.sin(math.radians(-shot.pitch_deg))
    return distance_m * 2 * math.tan(math.radians(DRONE_HFOV_DEG) / 2) / width


def _surfaces_around(scene: Scene, shot: Shot, window: tuple[float, float, float, float], gsd_m: float) -> Surfaces:
    west, _, _, north = window
    layers = rasterise(scene, window, gsd_m, shot.appearance)
    rgb, height, wall = (torch.from_numpy(one)[None] for one in (layers.rgb, layers.height, layers.wall))
    return Surfaces.stack(rgb, height, gsd_m, [west], [north], wall)


def random_shot(
    scene: Scene, random: np.random.Generator, appearance: Appearance, *, reach_m: float, seed: int
) -> Shot:
    """A shot of land somewhere within `reach_m` of the region's centre, in the ranges of the sample's flights."""
    while True:
        east, north = random.uniform(-reach_m, reach_m, 2)
        spot = rasterise(scene, (east - 8, north - 8, east + 8, north + 8), 2.0, appearance)
        if float((spot.ground > 0.3).mean()) > 0.9:
            break
    return Shot(
        east_m=float(east),
        north_m=float(north),
        altitude_m=float(np.exp(random.uniform(np.log(80), np.log(300)))),
        heading_deg=float(random.uniform(0, 360)),
        pitch_deg=float(-90 + 45 * random.uniform(0, 1)),
        roll_deg=float(random.uniform(-2, 2)),
        appearance=appearance,
        visibility_m=float(np.exp(random.uniform(np.log(2000), np.log(12000)))),
        seed=seed,
    )
