"""The settings of one MEAN network, as they are stored beside its weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args, get_origin

from .errors import ConfigError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # what timm's ConvNeXt was trained with
IMAGENET_STD = (0.229, 0.224, 0.225)

Resize = Literal["bicubic", "bilinear"]
"""How a photo becomes the network's square: "bicubic" averages what it shrinks; "bilinear" looks at the four nearest
pixels alone, as the published code of MEAN, Sample4Geo, DAC, CAMP and Game4Loc does."""

RESIZE_RULES = {"bicubic": "squares:pillow-bicubic", "bilinear": "squares:opencv-bilinear-exact"}
"""How a fingerprint names them."""

STRIDE_PX = 32
"""Side of the square that a backbone turns into one location of its last map, pixels."""

NORMALISATIONS = {"imagenet": (IMAGENET_MEAN, IMAGENET_STD), "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}
"""Mean and standard deviation of a pixel's channels, by the name that `MeanConfig.normalisation` gives."""


@dataclass(frozen=True)
class MeanConfig:
    """What makes a MEAN network. The defaults are those of the published University-1652 model."""

    backbone: str = "convnext_tiny"  # a ConvNeXt by its timm name, or another network of timm that makes a map
    image_size: int = 384  # side of the square input, pixels; a multiple of 32
    classes: int = 701  # places that the training heads tell apart; without meaning at inference
    crop: Literal["squash", "centre"] = "squash"  # how a photo becomes square: resized as a whole, or cut in the middle
    resize: Resize = (
        "bicubic"  # weights trained by the published code take "bilinear", which is worth 0.8 points of R@1
    )
    from_above: bool = False  # trained also on photos brought to the ground plane by the camera's stated pose
    embedding_channels: int = 512  # width of the embeddings that the heads classify (DEC)
    aligned_channels: int = 512  # width of the aligned map (MSF)
    deg_dropout: float = 0.01  # on each of the two diversified maps (DEG)
    dec_dropout: float = 0.5  # before each classifier (DEC)
    de_dropout: float = 0.05  # on the compact map (DE)
    drop_path: float = 0.0  # stochastic depth of the backbone
    temperature: float = 0.1  # of the first softmax (FAT)
    softmax: Literal["twice", "once"] = "twice"  # FAT: "twice" is Eq. 8 and the published code
    stages: int = 0  # that run of the backbone, which then ends at a finer map of fewer channels; 0: all
    normalisation: Literal["imagenet", "half"] = "imagenet"  # of pixels: what the backbone was trained with
    grid: int = 0  # cells along a side of the map that the embedding keeps apart; 0: the mean of all, unprojected
    cell_channels: int = 24  # numbers of a cell in the embedding

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        if self.image_size < STRIDE_PX or self.image_size % STRIDE_PX:
            raise ConfigError(f"image_size is {self.image_size}; choose a multiple of {STRIDE_PX}, such as 384.")
        for name in ("stages", "grid"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0.")
        if self.stages and not self.grid:
            raise ConfigError(f"stages is {self.stages} and grid 0: set grid, as the pooled feature is that of all.")
        for name in ("classes", "aligned_channels", "cell_channels"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.embedding_channels < 4 or self.embedding_channels % 4:
            raise ConfigError(f"embedding_channels is {self.embedding_channels}; it must be a positive multiple of 4.")
        for name in ("deg_dropout", "dec_dropout", "de_dropout", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1.")
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(f"temperature is {self.temperature}; it must be above 0 and finite.")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """The config with these settings, defaults elsewhere.

        Raises:
            ConfigError: an unknown key or a value of the wrong type, by name.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(str(key) for key in settings if key not in known)
        if unknown:
            raise ConfigError(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
        return cls(**settings)

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of a pixel's channels, 0 to 1, which becomes 0 in the network's input."""
        return NORMALISATIONS[self.normalisation][0]

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of a pixel's channels, 0 to 1, which becomes 1 in the network's input."""
        return NORMALISATIONS[self.normalisation][1]

    @property
    def rule(self) -> str:
        """All that decides an embedding beside weights, backbone, size and crop; part of every fingerprint."""
        stages = f";{self.stages} stages" if self.stages else ""
        kept = f"grid {self.grid} x {self.grid} of {self.cell_channels}" if self.grid else "pooled"
        return f"{RESIZE_RULES[self.resize]};{self.normalisation}-mean-std{stages};{kept};l2"

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, ready for JSON or TOML."""
        return asdict(self)


def _check_type(name: str, value: object, expected: Any) -> None:
    """Refuse a value of the wrong type; an integer serves as a number, true and false do not."""
    if get_origin(expected) is Literal:
        if value not in get_args(expected):
            choices = " or ".join(repr(choice) for choice in get_args(expected))
            raise ConfigError(f"{name} is {value!r}; choose {choices}.")
        return
    accepted = (int, float) if expected is float else expected
    if isinstance(value, bool) != (expected is bool) or not isinstance(value, accepted):
        kind = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}[expected]
        raise ConfigError(f"{name} is {value!r}; it must be {kind}.")
