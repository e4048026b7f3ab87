"""The ten conditions of Multi-weather University-1652, as seeded functions of a picture.

The recipe is that of MuSe-Net (`train.py`, "Multiple-environment Self-adaptive Network"), which made the benchmark:
steps of imgaug 0.4.0 with fixed ranges, put on the drone's pictures only, at their own size (512 px), before they are
resized for the network. imgaug is no longer kept; its fork asks for older OpenCV and NumPy than this project runs on,
and for two OpenCV packages at once. So the few steps that the recipe uses stand here on OpenCV and NumPy, with the
same ranges and the same arithmetic, its oddities included. Where nothing is random they give the same numbers; what
is random has the same distribution, but other draws.

One thing differs on purpose: imgaug's generators run on from picture to picture, so that a picture depends on the ones
before it. Here a picture depends on its seed alone: take `picture_seed` of its name.

MuSe-Net states two recipes for dark. This is the one of its training and test programs; its demonstration only has
brightness x 0.4 - 15, which is lighter. Figures for other recipes (DAC, MEAN's and CDM-Net's code) do not compare.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import cv2
import numpy as np
from scipy import fft

from train_scripts.errors import BadRequest

Range = tuple[float, float]
Layer = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Takes a picture (H, W, 3) uint8 RGB and draws from the generator; returns a new picture of the same shape."""


def apply(condition: str, picture: np.ndarray, seed: int) -> np.ndarray:
    """Put a picture into a weather condition, before it is resized.

    Every layer draws from a stream of its own: the fog of "fog+rain" is that of "fog" under the same seed.

    Args:
        condition: one of CONDITIONS.
        picture: (H, W, 3) uint8 RGB of any size; it is not changed.
        seed: not negative; the same seed gives the same picture.

    Returns: (H, W, 3) uint8, a new array.

    Raises:
        BadRequest: there is no such condition, or the picture is of another kind.
    """
    if condition not in RECIPES:
        raise BadRequest(f"There is no condition {condition!r}. Choose one of {', '.join(CONDITIONS)}.")
    if (
        not isinstance(picture, np.ndarray)
        or picture.dtype != np.uint8
        or picture.shape[2:] != (3,)
        or not picture.size
    ):
        raise BadRequest("Weather needs a picture of 8-bit RGB, an array (height, width, 3) of uint8.")
    layers = RECIPES[condition]
    result = picture.copy()
    for layer, random in zip(layers, np.random.default_rng(seed).spawn(len(layers)), strict=True):
        result = layer(result, random)
    return result


def picture_seed(name: str, seed: int = 0) -> int:
    """The seed of one picture of a dataset: the same on every machine, whatever the order and the number of workers.

    Args:
        name: of the picture inside its dataset, such as `query_drone/0001/image-01.jpeg`, with forward slashes.
        seed: of the run; another one gives every picture other weather.
    """
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def chosen(text: str) -> tuple[str, ...]:
    """The conditions that an option names: "all", or names with commas between, in their order.

    Raises:
        BadRequest: one of them does not exist, or there is none.
    """
    names = CONDITIONS if text.strip() == "all" else tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise BadRequest(f"There is no condition {unknown[0]!r}. Choose all, or some of {', '.join(CONDITIONS)}.")
    return names


# --- the layers ---


def fog(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Clouds of brightness 225 that cover half of the picture's light and up to nine tenths (`CloudLayer`)."""
    height, width = picture.shape[:2]
    mean = 225.0
    coarse = _resized(mean + random.normal(0, 2, (8, 8)), height, width)
    fine = mean * (2 * _frequency_noise(height, width, max(height, width), random) - 1) / 5
    brightness = np.clip(coarse + fine, 0, 255).astype(np.float32)
    cover = np.clip((1.0 + 0.9 * _frequency_noise(height, width, 10, random)) ** 0.9 * 0.5, 0, 1)[..., None]
    return np.clip((1 - cover) * picture + cover * brightness[..., None], 0, 255).astype(np.uint8)


def rain(picture: np.ndarray, random: np.random.Generator, *, drop_size: Range) -> np.ndarray:
    """One to three sheets of streaks (`Rain`). Args: drop_size: 0 to 1, the larger the coarser."""
    for _ in range(random.integers(1, 4)):
        picture = _rain_sheet(picture, random, drop_size)
    return picture


def snow(picture: np.ndarray, random: np.random.Generator, *, flake_size: Range) -> np.ndarray:
    """One to three sheets of flakes (`Snowflakes`). Args: flake_size: 0 to 1, the larger the coarser."""
    for _ in range(random.integers(1, 4)):
        picture = _snow_sheet(picture, random, flake_size)
    return picture


def dim(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half of the picture made lighter, half of it darker (`BlendAlpha` of `Add` and `Multiply`): less contrast."""
    lighter = cv2.add(picture, np.full_like(picture, 100))
    darker = _multiplied(picture, 0.2)
    return cv2.addWeighted(lighter, 0.5, darker, 0.5, 0.0)


def brightness(picture: np.ndarray, random: np.random.Generator, *, factor: float, add: Range) -> np.ndarray:
    """Change the brightness channel of one of six colour spaces (`MultiplyAndAddToBrightness`).

    Which space, and whether the product or the sum comes first, is drawn: it decides about the tint.
    """
    space = SPACES[random.integers(len(SPACES))]
    product_first = bool(random.integers(2))
    return brightness_in(picture, space, factor, round(random.uniform(*add)), product_first)


def wind(picture: np.ndarray, random: np.random.Generator, *, length_px: int = 15) -> np.ndarray:
    """A camera that shakes: blur along a line of any angle, its weight moved to either end (`MotionBlur`)."""
    angle_deg, direction = random.uniform(0, 360), random.uniform(-1, 1)
    return cv2.filter2D(picture, -1, motion_kernel(length_px, angle_deg, direction))


# --- the steps that they are made of ---

SPACES = (
    (cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB, 0),
    (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB, 2),
    (cv2.COLOR_RGB2HLS, cv2.COLOR_HLS2RGB, 1),
    (cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB, 0),
    (cv2.COLOR_RGB2LUV, cv2.COLOR_LUV2RGB, 0),
    (cv2.COLOR_RGB2YUV, cv2.COLOR_YUV2RGB, 0),
)
"""Colour spaces with a brightness: the way there, the way back, its channel."""


def brightness_in(
    picture: np.ndarray, space: tuple[int, int, int], factor: float, add: int, product_first: bool
) -> np.ndarray:
    """Multiply the brightness channel of a colour space and add to it, each step cut to 0...255."""
    there, back, channel = space
    converted = cv2.cvtColor(picture, there)
    light = converted[..., channel].astype(np.int16)
    if product_first:
        light = np.clip(np.trunc(light * np.float32(factor)), 0, 255) + add
    else:
        light = np.trunc(np.clip(light + add, 0, 255) * np.float32(factor))
    converted[..., channel] = np.clip(light, 0, 255).astype(np.uint8)
    return cv2.cvtColor(converted, back)


def motion_kernel(length_px: int, angle_deg: float, direction: float) -> np.ndarray:
    """A line of blur. Args: direction: -1 to 1, to which end the weight goes; 0 is even.

    Returns: (K, K) float32 with sum 1; K is the length, made odd.
    """
    size = max(length_px, 3) | 1
    share = (np.clip(direction, -1, 1) + 1) / 2
    line = np.zeros((size, size), np.float32)
    line[:, size // 2] = np.linspace(share, 1 - share, size)
    middle = (size - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -angle_deg, 1.0)
    # weights pass through 8 bits, as in the original
    turned = cv2.warpAffine((line * 255).astype(np.uint8), turn, (size, size), flags=cv2.INTER_LINEAR)
    kernel = turned.astype(np.float32) / 255
    return kernel / kernel.sum()


def _rain_sheet(picture: np.ndarray, random: np.random.Generator, drop_size: Range) -> np.ndarray:
    size, angle_deg, speed = random.uniform(*drop_size), random.uniform(-15, 15), random.uniform(0.04, 0.06)
    drops = _specks(picture.shape[:2], random, size=size, density=(0.03, 0.14), uniformity=(0.8, 1.0))
    return rain_over(picture, _moved(drops, angle_deg, speed))


def rain_over(picture: np.ndarray, drops: np.ndarray) -> np.ndarray:
    """Mix streaks into a picture. Args: drops: (H, W) uint8, how much of them is where."""
    # a light grey, 240, unless the first thousand values (three for each pixel) are all but dry: so the original has it
    amount = int(np.repeat(drops.ravel()[:334], 3)[:1000].sum(dtype=np.int64))
    colour = 110 + (240 - 110) % max(amount, 1)
    share = np.minimum(np.float32(1.3) * (drops.astype(np.float32) / 255), 1)
    left, added = 1 - share, share * colour
    result = np.empty_like(picture)
    for channel in range(3):  # five times as fast as all three at once
        result[..., channel] = left * picture[..., channel] + added
    return result


def _snow_sheet(picture: np.ndarray, random: np.random.Generator, flake_size: Range) -> np.ndarray:
    size, evenness = random.uniform(*flake_size), random.uniform(0.4, 0.8)
    angle_deg, speed = random.uniform(-30, 30), random.uniform(0.007, 0.03)
    flakes = _specks(picture.shape[:2], random, size=size, density=(0.005, 0.075), uniformity=(0.3, 0.9))
    sigma = float(np.clip(max(flakes.shape) * random.uniform(0.0001, 0.001), 0.5, 3.75))
    window = int(max((3.3 if sigma < 3 else 2.9) * sigma, 5)) | 1
    flakes = _moved(cv2.GaussianBlur(flakes, (window, window), sigma), angle_deg, speed)
    return snow_over(picture, flakes, evenness, speed)


def snow_over(picture: np.ndarray, flakes: np.ndarray, evenness: float, speed: float) -> np.ndarray:
    """Lay flakes over a picture. Args: flakes: (H, W) uint8; evenness: 0 to 1, of their sizes; speed: 0 to 1."""
    table = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(1 + 2 * (1 - evenness)) * 255
    light = cv2.LUT(flakes, table.astype(np.uint8)).astype(np.float32) * (1 + 5 * (1 - evenness))
    added, least = (0.1 + 20 * speed) * light, (1.0 + 20 * speed) * light
    result = np.empty_like(picture)
    for channel in range(3):
        result[..., channel] = np.minimum(np.maximum(picture[..., channel] + added, least), 255)
    return result


def _specks(
    shape: tuple[int, ...], random: np.random.Generator, *, size: float, density: Range, uniformity: Range
) -> np.ndarray:
    """White grains of a size, here more and there less. Returns: (H, W) uint8."""
    height, width = shape
    scale = float(np.clip(1 - size, 0.001, 1))
    small = max(1, int(height * scale)), max(1, int(width * scale))
    there = random.random(small) < random.uniform(*density)
    grains = np.zeros(small, np.uint8)
    grains[there] = np.rint((0.5 + np.abs(random.beta(0.5, 0.5, int(there.sum())) - 0.5)) * 255)
    gate = random.beta(1.0, max(1 - random.uniform(*uniformity), 0.0001), (8, 8)).astype(np.float32)
    gate = np.clip(_resized(gate, *small), 0, 1)
    return _resized(np.clip(grains * gate, 0, 255).astype(np.uint8), height, width)


def _moved(grains: np.ndarray, angle_deg: float, speed: float) -> np.ndarray:
    """Grains drawn into streaks. Args: speed: length of the streak as a share of the longer side."""
    length_px = int(speed * max(grains.shape))
    return grains if length_px <= 1 else cv2.filter2D(grains, -1, motion_kernel(length_px, angle_deg, 1.0))


def _frequency_noise(height: int, width: int, largest_px: int, random: np.random.Generator) -> np.ndarray:
    """Noise whose strength falls with the square of the frequency. Returns: (H, W) float32 in [0, 1].

    Args: largest_px: longer side at which it is made; it is enlarged from there.
    """
    scale = min(1.0, largest_px / max(height, width))
    small = max(int(height * scale), 4), max(int(width * scale), 4)
    strength = _distance_to_corner(small)
    corners = np.ix_((0, -1), (0, -1))
    strength[corners] = 1
    strength **= -2
    strength[corners] = 0
    amount, phase = random.random(small) * max(small) ** 2, random.random(small) * 2 * np.pi
    # phase, not amount, stands before the sine in the original: clouds are nearly the same turned by 180 degrees
    waves = strength * (amount * np.cos(phase) + 1j * phase * np.sin(phase))
    noise = fft.ifft2(waves.astype(np.complex64)).real
    low, high = float(noise.min()), float(noise.max())
    noise = 0.01 + 0.99 * (noise - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.clip(_resized(noise.astype(np.float32), height, width), 0, 1)


def _distance_to_corner(shape: tuple[int, int]) -> np.ndarray:
    """(H, W) float64, pixels to the nearest corner; in the middle of an odd side one more than beside it."""
    lines = []
    for size in shape:
        half = np.arange(size // 2)
        lines.append(np.concatenate([half, [size // 2] * (size % 2), half[::-1]]).astype(float))
    return np.hypot(lines[0][:, None], lines[1][None, :])


def _multiplied(picture: np.ndarray, factor: float) -> np.ndarray:
    """Each value times a factor, cut down to a whole number."""
    table = np.clip(np.arange(256, dtype=np.float32) * np.float32(factor), 0, 255).astype(np.uint8)
    return cv2.LUT(picture, table)


def _resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)


# --- the conditions ---

RECIPES: Mapping[str, tuple[Layer, ...]] = MappingProxyType(
    {
        "normal": (),
        "fog": (fog,),
        "rain": (
            partial(rain, drop_size=(0.05, 0.1)),
            partial(rain, drop_size=(0.05, 0.1)),
            partial(rain, drop_size=(0.1, 0.2)),
            partial(rain, drop_size=(0.1, 0.2)),
            partial(rain, drop_size=(0.05, 0.2)),
        ),
        "snow": (
            partial(snow, flake_size=(0.5, 0.8)),
            partial(snow, flake_size=(0.5, 0.8)),
            partial(snow, flake_size=(0.6, 0.9)),
            partial(snow, flake_size=(0.6, 0.9)),
            partial(snow, flake_size=(0.5, 0.9)),
        ),
        "fog+rain": (fog, partial(rain, drop_size=(0.05, 0.2)), partial(rain, drop_size=(0.05, 0.2))),
        "fog+snow": (fog, partial(snow, flake_size=(0.5, 0.9)), partial(snow, flake_size=(0.5, 0.9))),
        "rain+snow": (
            partial(snow, flake_size=(0.5, 0.8)),
            partial(rain, drop_size=(0.05, 0.1)),
            partial(rain, drop_size=(0.1, 0.2)),
            partial(rain, drop_size=(0.05, 0.2)),
            partial(snow, flake_size=(0.6, 0.9)),
        ),
        "dark": (dim, partial(brightness, factor=0.2, add=(-30, -15))),
        "over-exposure": (partial(brightness, factor=1.6, add=(0, 30)),),
        "wind": (wind,),
    }
)
"""The layers of each condition, in the order in which they are laid over the picture."""

CONDITIONS: tuple[str, ...] = tuple(RECIPES)
"""The names of the ten conditions, in the order of the paper's Table II."""
