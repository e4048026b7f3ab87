"""The ResNet-50s of other methods: the last map at twice the usual resolution, and MuSe-Net's with a style branch."""

import torch
import torchvision
from torch import Tensor, nn


class ResNetMap(nn.Sequential):
    """The last map of ResNet-50 with the last stride taken out, as LPN and others train it (`--stride=1`)."""

    def __init__(self) -> None:
        whole = torchvision.models.resnet50(weights=None)
        whole.layer4[0].conv2.stride = whole.layer4[0].downsample[0].stride = (1, 1)
        del whole.avgpool, whole.fc
        super().__init__()
        for name, layer in whole.named_children():
            self.add_module(name, layer)


class InstanceBatchNorm(nn.Module):
    """IBN-a (Pan et al., ECCV 2018): instance normalisation of the first half of the channels, batch of the second."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.instance = nn.InstanceNorm2d(channels // 2, affine=True)
        self.batch = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, features: Tensor, style: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(B, C, H, W) of the same shape.

        Args:
            style: scale and shift (B, C / 2, H, W) for the first half, where a style branch gives them.
        """
        half = features.shape[1] // 2
        first = self.instance(features[:, :half])
        if style is not None:
            first = first * (style[0] + 1) + style[1]
        return torch.cat([first, self.batch(features[:, half:])], dim=1)


STYLED_BLOCKS = (1, 2)  # of layer1, as published (`--btnk 0 1 1 0 0 0 0`)


class StyledResNet(nn.Module):
    """MuSe-Net's backbone: a ResNet-50 with IBN whose first layer is modulated by what a second one says of the style.

    Wang et al., Pattern Recognition 2024; as in wtyhub/MuseNet, model.py (Pt_ResNet50, ft_net_spade). The style is read
    from the second layer of the other ResNet, whose last block there has no ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.content = ResNetMap()
        for layer in ("layer1", "layer2", "layer3"):
            for block in self.content.get_submodule(layer).children():
                block.bn1 = InstanceBatchNorm(block.bn1.num_features)  # type: ignore[union-attr,arg-type]
        whole = torchvision.models.resnet50(weights=None)
        whole.layer2[3].relu = nn.Identity()
        self.style = nn.Sequential()
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2"):
            self.style.add_module(name, whole.get_submodule(name))
        self.scales = nn.ModuleDict({str(block): nn.Conv2d(512, 32, 3, padding=1) for block in STYLED_BLOCKS})
        self.shifts = nn.ModuleDict({str(block): nn.Conv2d(512, 32, 3, padding=1) for block in STYLED_BLOCKS})

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S), S a multiple of 16 -> the map (B, 2048, S / 16, S / 16)."""
        style = nn.functional.interpolate(self.style(images), scale_factor=2.0, mode="nearest")
        features = images
        for name, layer in self.content.named_children():
            if name != "layer1":
                features = layer(features)
                continue
            for number, block in layer.named_children():
                styled = number in self.scales
                given = (self.scales[number](style), self.shifts[number](style)) if styled else None
                features = _bottleneck(block, features, given)
        return features


def _bottleneck(block: nn.Module, features: Tensor, style: tuple[Tensor, Tensor] | None) -> Tensor:
    """One block of torchvision's ResNet-50 with a style for its first normalisation."""
    get = block.get_submodule
    branch = get("bn1")(get("conv1")(features), style).relu()
    branch = get("bn2")(get("conv2")(branch)).relu()
    branch = get("bn3")(get("conv3")(branch))
    kept = get("downsample")(features) if block.downsample is not None else features
    result: Tensor = (kept + branch).relu()
    return result
