"""Settings of the methods other than MEAN that are trained here: what their network is and which losses train it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mean_model.config import Resize
from mean_model.errors import ConfigError
from mean_model.other_methods.networks import Head, OtherConfig

Method = Literal["mean", "info_nce", "sample4geo", "dac", "camp", "lcm", "lpn", "fsra", "mccg", "sdpl"]

NAMES: dict[Method, tuple[str, Head]] = {
    "info_nce": ("InfoNCE", "pooled"),
    "sample4geo": ("Sample4Geo", "pooled"),
    "dac": ("DAC", "pooled"),
    "camp": ("CAMP", "pooled"),
    "lcm": ("LCM", "tokens"),
    "lpn": ("LPN", "rings"),
    "fsra": ("FSRA", "heat"),
    "mccg": ("MCCG", "gates"),
    "sdpl": ("SDPL", "dense_rings"),
}
"""Method -> its name for people, and what its network makes of a backbone."""

PARTS: dict[Head, int] = {"pooled": 1, "tokens": 1, "gates": 3, "dense_rings": 10}
"""Parts of the heads that leave no choice."""


@dataclass(frozen=True)
class NetworkConfig:
    """The network of a method other than MEAN, over any backbone; published values stand in `configs/methods`."""

    backbone: str = "convnext_tiny"  # a timm name; resnet50 with parts is torchvision's without its last stride
    image_size: int = 384  # pixels
    parts: int = 4  # of lpn (rings) and fsra (heat regions and the whole)
    output_stride: int = 0  # see OtherConfig
    resize: Resize = "bicubic"
    dropout: float = 0.5  # before each classifier

    def of(self, method: Method) -> OtherConfig:
        """What a loaded network of the method is described by.

        Raises:
            ConfigError: parts that the method cannot have.
        """
        name, head = NAMES[method]
        parts = PARTS.get(head, self.parts)
        if parts < (2 if head == "heat" else 1):
            raise ConfigError(f"network.parts is {parts}; {method} needs {'2' if head == 'heat' else '1'} or more.")
        return OtherConfig(
            name, self.backbone, self.image_size, head, parts, self.resize, output_stride=self.output_stride
        )


@dataclass(frozen=True)
class MethodLosses:
    """Weights of the losses of a method other than MEAN; what has none is neither computed nor trained."""

    info_nce: float = 0.0  # of the pooled features of both views
    instance: float = 0.0  # cross-entropy of the place, the mean over parts, the sum over views
    triplet: float = 0.0  # batch-hard between the views, the mean over parts
    margin: float = 0.3  # of it
    mutual: float = 0.0  # KL divergence of the views' probabilities, the mean over parts
    alignment: float = 0.0  # DAC's domain space alignment
    within: float = 0.0  # CAMP's contrast of heat regions within each view
    regions: int = 3  # of it
