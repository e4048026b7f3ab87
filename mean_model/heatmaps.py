"""What the network looks at: each location's similarity to another picture, Grad-CAM saliency, and both as pictures.

A location is a square of 32 px of a ConvNeXt's input, so that a map of a network of 384 px has 12 by 12. Other networks
have maps where their embedding is the mean of a map: convolutional ones, Swin, and vision transformers without a class
token; one that takes parts of a map apart has none.
"""

import math
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from .embedder import Embedder
from .errors import ConfigError
from .layers import GridEmbedding
from .network import MEAN
from .other_methods.networks import PartsNetwork
from .photo import PhotoSource

Kind = Literal["similarity", "saliency"]

FLAT = 1e-6
"""Share of a cosine below which Grad-CAM is rounding: the map is then empty."""


def similarity_map(embedder: Embedder, image: PhotoSource, vector: np.ndarray) -> np.ndarray:
    """How alike each location of a picture is to another picture.

    Each location's feature passes the head alone, as the mean of all does for the embedding, and is compared with the
    vector. A ConvNeXt's head is a layer norm, z = b + g (f - mean f) / s, so that the embedding before it is brought to
    length 1 is a weighted sum of the locations: b + sum over l of w_l (z_l - b), w_l = s_l / (L s of the mean feature).
    A location with a strong feature counts for more than its colour in the map says. Where the embedding is a grid, a
    location is compared with the cell of the other picture that lies in the same place.

    Args:
        image: the picture that is looked at, anything that `load_photo` takes; the map covers `embedder.seen(image)`.
        vector: (D,), the embedding of the other picture, of any length but 0.

    Returns:
        (h, w) float32 cosines, -1 to 1, from the upper left; comparable between pictures.

    Raises:
        PhotoError: the picture cannot be read.
        ConfigError: the vector is none of this network, or the network is of a kind that has no maps.
    """
    other = _direction(vector, embedder)

    def work(network: Any, images: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            features = _map_of(network.backbone, images)
            if isinstance(network, MEAN) and network.grid is not None:
                return np.asarray(_by_cells(network.grid, features, other.to(features.device))[0].clamp(-1, 1).cpu())
            height, width = features.shape[2:]
            locations = features.flatten(2)[0].T[:, :, None, None]  # (L, D, 1, 1): each a picture of one location
            cosines = _Similarity(network, other)(locations)
        return np.asarray(cosines.reshape(height, width).clamp(-1, 1).cpu())

    return embedder.compute(work, image)


def saliency(embedder: Embedder, image: PhotoSource, vector: np.ndarray) -> np.ndarray:
    """Where a picture's likeness to another comes from: Grad-CAM (Selvaraju et al. 2017) of their cosine.

    The cosine does not change when a feature map is multiplied by a number. Grad-CAM therefore adds up to 0 over a
    picture before its negative part is cut off, and says which locations speak for the other picture more than the
    rest do. It says nothing on whether the pictures are alike.

    Args and Raises: as `similarity_map`.

    Returns:
        (h, w) float32, 0 to 1, from the upper left; 1 is the picture's strongest location, so that two pictures do not
        compare. All 0 where the cosine has no slope, as between a picture and itself.
    """
    other = _direction(vector, embedder)

    def work(network: Any, images: torch.Tensor) -> np.ndarray:
        from captum.attr import LayerGradCam  # takes half a second, and brings pyplot

        with torch.no_grad():
            features = _map_of(network.backbone, images)
        similarity = _Similarity(network, other)
        shares = LayerGradCam(similarity, similarity.map).attribute(features.requires_grad_(), relu_attributions=True)
        heat = shares.detach()[0, 0]
        strongest = heat.max()
        return (heat / strongest if strongest > FLAT else torch.zeros_like(heat)).cpu().numpy()

    return embedder.compute(work, image)


def pair_maps(
    embedder: Embedder, first: PhotoSource, second: PhotoSource, kind: Kind = "similarity"
) -> tuple[np.ndarray, np.ndarray]:
    """The map of each of two pictures for the other's embedding, as a query and a tile are shown side by side.

    Raises:
        PhotoError: one of them cannot be read.
    """
    look = {"similarity": similarity_map, "saliency": saliency}[kind]
    vectors = embedder.embed([first, second])
    return look(embedder, first, vectors[1]), look(embedder, second, vectors[0])


def span_of(*maps: np.ndarray) -> tuple[float, float]:
    """The range that brings out what differs in some maps: their 2nd to 98th percentile together.

    Cosines of locations keep to a narrow part of -1 to 1; maps that are compared need one range.
    """
    low, high = np.percentile(np.concatenate([np.ravel(heat) for heat in maps]), (2, 98))
    return float(low), float(max(high, low + 1e-6))


def overlay(
    image: Image.Image, heat: np.ndarray, opacity: float = 0.5, span: tuple[float, float] = (0.0, 1.0)
) -> Image.Image:
    """A map laid over its picture, in matplotlib's "inferno": brighter is more, also without colours.

    Args:
        image: what the map covers: `embedder.seen(photo)`, or under the crop "squash" the whole photo.
        heat: (h, w), spread smoothly over the picture.
        opacity: 0 shows the picture alone, 1 the map alone.
        span: values that become the darkest and the brightest colour; others are cut to them. It is fixed: saliency
            fills 0 to 1, for similarity take `span_of` the maps that are compared.

    Returns: RGB, of the picture's size.
    """
    from matplotlib import colormaps

    low, high = span
    smooth = Image.fromarray(np.asarray(heat, np.float32)).resize(image.size, Image.Resampling.BICUBIC)
    colours = colormaps["inferno"]((np.asarray(smooth) - low) / (high - low), bytes=True)[..., :3]
    return Image.blend(image.convert("RGB"), Image.fromarray(colours), opacity)


class _Similarity(nn.Module):
    """Cosines (N,) of the embeddings of maps (N, D, h, w) with a unit vector (D,)."""

    def __init__(self, network: Any, other: torch.Tensor) -> None:
        super().__init__()
        self.map = nn.Identity()  # what Grad-CAM looks at
        self.network, self.backbone, self.other = network, network.backbone, other

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        features = self.map(maps)
        if _has_tokens(self.backbone):  # those before the map's own do not count, but are expected
            features = F.pad(features.flatten(2).transpose(1, 2), (0, 0, self.backbone.num_prefix_tokens, 0))
        elif _channels_last(self.backbone):
            features = features.permute(0, 2, 3, 1)
        head = self.network.embedding_of if isinstance(self.network, MEAN) else self.backbone.forward_head
        return F.normalize(head(features), dim=1) @ self.other.to(maps.device)


def _by_cells(grid: GridEmbedding, features: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(B, h, w) cosines of each location of maps (B, C, h, w), projected, with the other's cell that it lies in."""
    cells = other.reshape(1, grid.cells, grid.cells, -1).permute(0, 3, 1, 2)
    own = grid.project(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return F.cosine_similarity(own, F.interpolate(cells, features.shape[2:]), dim=1)


def _map_of(backbone: Any, images: torch.Tensor) -> torch.Tensor:
    """The map (1, D, h, w) whose mean becomes the embedding."""
    features: torch.Tensor = backbone.forward_features(images)
    if _has_tokens(backbone):
        tokens = features[:, backbone.num_prefix_tokens :]
        side = math.isqrt(tokens.shape[1])
        return tokens.reshape(len(tokens), side, -1, tokens.shape[2]).permute(0, 3, 1, 2)
    return features.permute(0, 3, 1, 2) if _channels_last(backbone) else features


def _has_tokens(backbone: Any) -> bool:
    return hasattr(backbone, "num_prefix_tokens")


def _channels_last(backbone: Any) -> bool:
    return getattr(backbone, "output_fmt", "NCHW") == "NHWC"


def _direction(vector: np.ndarray, embedder: Embedder) -> torch.Tensor:
    backbone: Any = embedder.network.backbone
    if isinstance(embedder.network, PartsNetwork) or (_has_tokens(backbone) and backbone.global_pool != "avg"):
        raise ConfigError(f"{embedder.name} has no heat maps: its embedding is not the mean of a map.")
    dimension = embedder.dimension
    numbers = torch.from_numpy(np.array(vector, np.float32))  # a copy: rows of a gallery are mapped read-only
    if numbers.shape != (dimension,) or not 0 < numbers.norm() < float("inf"):
        raise ConfigError(
            f"A vector of shape {tuple(numbers.shape)} is no embedding of this network, which has {dimension} numbers."
        )
    return F.normalize(numbers, dim=0)
