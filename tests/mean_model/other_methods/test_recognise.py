"""Other published methods: each file's numbers equal those of a second forward pass, written from the public code."""

from collections.abc import Callable, Iterator

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor

from mean_model.errors import CheckpointError
from mean_model.other_methods.networks import OtherConfig, OtherNetwork
from mean_model.other_methods.recognise import METHODS, load_other, recognised, timm_model

State = dict[str, Tensor]
TINY, DIMS = (3, 3, 9, 3), (96, 192, 384, 768)


class Weights:
    """Numbers under the names that a method gives them, made when they are asked for."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(0)
        self.state: State = {}

    def add(self, name: str, *shape: int) -> None:
        fan_in = max(1, int(torch.tensor(shape[1:]).prod())) if len(shape) > 1 else 400
        self.state[name] = torch.randn(shape, generator=self.random) / fan_in**0.5

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        self.add(f"{name}.weight", *shape)
        if bias:
            self.add(f"{name}.bias", shape[0])

    def norm(self, name: str, channels: int, batch: bool = False) -> None:
        self.state[f"{name}.weight"] = 1 + 0.1 * torch.randn(channels, generator=self.random)
        self.add(f"{name}.bias", channels)
        if batch:
            self.add(f"{name}.running_mean", channels)
            self.state[f"{name}.running_var"] = 1 + torch.rand(channels, generator=self.random)
            self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def convnext(self, at: str) -> None:
        """ConvNeXt-Tiny as its first release names it."""
        self.layer(f"{at}downsample_layers.0.0", DIMS[0], 3, 4, 4)
        self.norm(f"{at}downsample_layers.0.1", DIMS[0])
        for stage, (depth, dim) in enumerate(zip(TINY, DIMS, strict=True)):
            if stage:
                self.norm(f"{at}downsample_layers.{stage}.0", DIMS[stage - 1])
                self.layer(f"{at}downsample_layers.{stage}.1", dim, DIMS[stage - 1], 2, 2)
            for block in range(depth):
                name = f"{at}stages.{stage}.{block}"
                self.state[f"{name}.gamma"] = torch.full((dim,), 0.3)
                self.layer(f"{name}.dwconv", dim, 1, 7, 7)
                self.norm(f"{name}.norm", dim)
                self.layer(f"{name}.pwconv1", 4 * dim, dim)
                self.layer(f"{name}.pwconv2", dim, 4 * dim)
        self.norm(f"{at}norm", DIMS[-1])
        self.layer(f"{at}head", 10, DIMS[-1])

    def resnet(self, at: str, instance: bool = False) -> None:
        """ResNet-50 as torchvision names it. Args: instance: IBN in the first three layers, as IBN-Net names it."""
        self.layer(f"{at}conv1", 64, 3, 7, 7, bias=False)
        self.norm(f"{at}bn1", 64, batch=True)
        channels = 64
        for layer, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
            for block in range(blocks):
                name = f"{at}layer{layer}.{block}"
                shapes = ((width, channels, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1))
                for number, shape in enumerate(shapes, start=1):
                    self.layer(f"{name}.conv{number}", *shape, bias=False)
                    if instance and number == 1 and layer < 4:
                        self.norm(f"{name}.bn1.IN", width // 2)
                        self.norm(f"{name}.bn1.BN", width // 2, batch=True)
                    else:
                        self.norm(f"{name}.bn{number}", shape[0], batch=True)
                if not block:
                    self.layer(f"{name}.downsample.0", 4 * width, channels, 1, 1, bias=False)
                    self.norm(f"{name}.downsample.1", 4 * width, batch=True)
                channels = 4 * width
        self.layer(f"{at}fc", 10, 2048)

    def vit(self, at: str, dim: int, depth: int, hidden: int, side: int, bias: bool) -> None:
        """A vision transformer with patches of 16 px as timm names it."""
        self.add(f"{at}cls_token", 1, 1, dim)
        self.add(f"{at}pos_embed", 1, (side // 16) ** 2 + 1, dim)
        self.layer(f"{at}patch_embed.proj", dim, 3, 16, 16)
        for block in range(depth):
            name = f"{at}blocks.{block}."
            for norm in ("norm1", "norm2"):
                self.norm(f"{name}{norm}", dim)
            self.layer(f"{name}attn.qkv", 3 * dim, dim, bias=bias)
            self.layer(f"{name}attn.proj", dim, dim)
            self.layer(f"{name}mlp.fc1", hidden, dim)
            self.layer(f"{name}mlp.fc2", dim, hidden)
        self.norm(f"{at}norm", dim)

    def class_block(self, name: str, channels: int) -> None:
        self.layer(f"{name}.add_block.0", 512, channels)
        self.norm(f"{name}.add_block.1", 512, batch=True)
        self.layer(f"{name}.classifier.0", 10, 512)

    def triplet_attention(self) -> None:
        for gate in ("cw", "hc"):
            self.layer(f"model_1.tri_layer.{gate}.conv.conv", 1, 2, 7, 7, bias=False)
            self.norm(f"model_1.tri_layer.{gate}.conv.bn", 1, batch=True)

    def multi_branch(self) -> None:
        """What DAC, CAMP and MCCG share."""
        self.convnext("model_1.convnext.")
        self.triplet_attention()
        for head in ("classifier1", "classifier_mcb1", "classifier_mcb2"):
            self.class_block(f"model_1.{head}", DIMS[-1])

    def scalars(self, *names: str) -> None:
        self.state |= {name: torch.tensor(1.5) for name in names}


def dac() -> State:
    weights = Weights()
    weights.multi_branch()
    for projection in ("proj", "proj_obj"):
        weights.layer(f"model_1.{projection}.mlp.0", 16, DIMS[-1], 1, bias=False)
        weights.norm(f"model_1.{projection}.mlp.1", 16, batch=True)
        weights.layer(f"model_1.{projection}.mlp.3", 8, 16, 1, bias=False)
    weights.scalars("logit_scale", "logit_scale_blocks", "w_blocks1", "w_blocks2", "w_blocks3")
    return weights.state


def camp() -> State:
    weights = Weights()
    weights.multi_branch()
    weights.add("model_1.pos_embed", 1, DIMS[-1], 12, 12)
    weights.scalars("model_1.pos_scale", "logit_scale", "logit_scale_blocks", "w_blocks1", "w_blocks2", "w_blocks3")
    weights.scalars(*(f"ECE_weight_{pair}" for pair in ("D_D", "S_S", "D_fine_D_fine", "D_fine_S_fine")))
    return weights.state


def mccg() -> State:
    weights = Weights()
    weights.multi_branch()
    return weights.state


def lpn() -> State:
    weights = Weights()
    weights.resnet("model_1.model.")
    shared = {name.replace("model_1.", "model_3."): value for name, value in weights.state.items()}
    street = {name.replace("model_1.", "model_2."): torch.zeros(1) for name in weights.state}
    for ring in range(4):
        weights.class_block(f"classifier{ring}", 2048)
    return weights.state | shared | street


def sample4geo() -> State:
    """Names of timm: a `model.` before them, and no classifier."""
    weights = Weights()
    weights.convnext("")
    renames = (("downsample_layers.0", "stem"), ("pwconv", "mlp.fc"), ("dwconv", "conv_dw"))
    state: State = {"logit_scale": torch.tensor(2.0)}
    for name, value in weights.state.items():
        if name.startswith("head."):
            continue
        for old, new in renames:
            name = name.replace(old, new)
        parts = name.split(".")
        if parts[0] == "downsample_layers":
            name = ".".join(["stages", parts[1], "downsample", *parts[2:]])
        elif parts[0] == "stages":
            name = ".".join(["stages", parts[1], "blocks", *parts[2:]])
        elif parts[0] == "norm":
            name = f"head.{name}"
        state[f"model.{name}"] = value
    return state


def game4loc() -> State:
    weights, dim = Weights(), 512
    weights.add("model.reg_token", 1, 1, dim)
    weights.layer("model.patch_embed.proj", dim, 3, 16, 16)
    for block in range(12):
        at = f"model.blocks.{block}."
        weights.state |= {f"{at}gamma_{i}": torch.full((dim,), 0.5) for i in (1, 2)}
        weights.norm(f"{at}norm1", dim)
        weights.norm(f"{at}norm2", dim)
        weights.add(f"{at}attn.q_bias", dim)
        weights.add(f"{at}attn.v_bias", dim)
        weights.layer(f"{at}attn.qkv", 3 * dim, dim, bias=False)
        weights.layer(f"{at}attn.proj", dim, dim)
        weights.layer(f"{at}mlp.fc1", 4 * dim, dim)
        weights.layer(f"{at}mlp.fc2", dim, 4 * dim)
    weights.norm("model.fc_norm", dim)
    weights.scalars("logit_scale")
    weights.layer("MLP.fc1", 8, 2048)
    return weights.state


def fsra() -> State:
    """As `--views=2 --block=3` trains it at 256 px."""
    weights = Weights()
    weights.vit("model_1.transformer.", 768, 8, 3 * 768, 256, bias=False)
    weights.layer("model_1.transformer.fc", 10, 768)
    for head in ("classifier1", "classifier_heat1", "classifier_heat2", "classifier_heat3"):
        weights.class_block(f"model_1.{head}", 768)
    return weights.state


def sdpl() -> State:
    weights = Weights()
    weights.resnet("model_1.model.")
    weights.add("model_1.bn.running_mean", 2048)
    for part in range(10):
        weights.add(f"model_1.gem{part}.p", 2048)
    for name, shape in (("0", (1024, 2048, 1, 1)), ("4", (512, 1024)), ("6", (512, 512)), ("8", (3, 512))):
        weights.layer(f"model_1.shift_blocks.{name}", *shape)
    shared = {name.replace("model_1.", "model_2."): value for name, value in weights.state.items()}
    for part in range(10):
        weights.class_block(f"classifier{part}", 2048)
    return weights.state | shared


def muse_net() -> State:
    weights = Weights()
    weights.resnet("model_1.model.", instance=True)
    shared = {name.replace("model_1.", "model_3."): value for name, value in weights.state.items()}
    street = {name.replace("model_1.", "model_2."): torch.zeros(1) for name in weights.state}
    weights.resnet("pt_model.model.")
    for styled in ("layer1_1_w", "layer1_1_b", "layer1_2_w", "layer1_2_b"):
        weights.layer(f"pt_model.{styled}.Gen.0.conv2d", 32, 512, 3, 3)
    weights.norm("pt_model.classifier.0", 512, batch=True)
    weights.layer("pt_model.classifier.2", 11, 512)
    weights.layer("classifier.Linear", 512, 2048)
    weights.norm("classifier.bnorm", 512, batch=True)
    weights.layer("classifier.classifier.0", 10, 512)
    return weights.state | shared | street


def ccr() -> State:
    weights = Weights()
    weights.convnext("model_1.backbone.")
    for gate in ("cw", "hc"):
        weights.add(f"model_1.ADIB_layer.{gate}.compress.weight", 2)
        weights.layer(f"model_1.ADIB_layer.{gate}.conv.conv", 1, 1, 7, 7, bias=False)
        weights.norm(f"model_1.ADIB_layer.{gate}.conv.bn", 1, batch=True)
    weights.layer("model_1.CIB_layer.attentions.conv", 32, DIMS[-1], 1, 1, bias=False)
    weights.norm("model_1.CIB_layer.attentions.bn", 32, batch=True)
    weights.class_block("model_1.classifier1", DIMS[-1])
    for head in range(1, 5):
        weights.class_block(f"model_1.classifier_mcb{head}", 32 * DIMS[-1])
    return weights.state


def dense_uav() -> State:
    weights = Weights()
    weights.vit("backbone.backbone.", 384, 12, 4 * 384, 224, bias=True)
    weights.layer("backbone.backbone.head", 10, 384)
    weights.class_block("head.classifier", 384)
    return weights.state


# --- the second implementation ---------------------------------------------------------------------------------------


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(state: State, name: str, x: Tensor) -> Tensor:
    """Over the last axis."""
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    """Over axis 1."""
    mean, variance, weight, bias = (
        state[f"{name}.{leaf}"].reshape(1, -1, *[1] * (x.ndim - 2))
        for leaf in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def convnext(state: State, at: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """Pooled feature and map, channels last within."""
    x = images
    for stage, depth in enumerate(TINY):
        name = f"{at}downsample_layers.{stage}"
        if stage:
            x = layer_norm(state, f"{name}.0", x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            x = F.conv2d(x, state[f"{name}.1.weight"], state[f"{name}.1.bias"], stride=2)
        else:
            x = F.conv2d(x, state[f"{name}.0.weight"], state[f"{name}.0.bias"], stride=4)
            x = layer_norm(state, f"{name}.1", x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for block in range(depth):
            name = f"{at}stages.{stage}.{block}"
            y = F.conv2d(x, state[f"{name}.dwconv.weight"], state[f"{name}.dwconv.bias"], padding=3, groups=x.shape[1])
            y = layer_norm(state, f"{name}.norm", y.permute(0, 2, 3, 1))
            y = linear(state, f"{name}.pwconv2", F.gelu(linear(state, f"{name}.pwconv1", y)))
            x = x + (state[f"{name}.gamma"] * y).permute(0, 3, 1, 2)
    return layer_norm(state, f"{at}norm", x.mean((-2, -1))), x


def pooled(state: State, images: Tensor) -> Tensor:
    """DAC and CAMP: `gap_feature`."""
    return convnext(state, "model_1.convnext.", images)[0]


def class_block(state: State, name: str, x: Tensor) -> Tensor:
    return batch_norm(state, f"{name}.add_block.1", linear(state, f"{name}.add_block.0", x))


def flipped_sum(parts: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """What test.py of MCCG and LPN makes of what the network returns, (B, 512, P)."""
    total = torch.zeros(())
    for view in (images, images[:, :, :, torch.arange(images.shape[3] - 1, -1, -1)]):
        total = total + parts(view)
    norms = total.pow(2).sum(1, keepdim=True).sqrt() * total.shape[-1] ** 0.5
    return (total / norms).reshape(len(images), -1)


def mccg_forward(state: State, images: Tensor) -> Tensor:
    def gate(name: str, x: Tensor) -> Tensor:
        summary = torch.cat((x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)), dim=1)
        weight = F.conv2d(summary, state[f"{name}.conv.conv.weight"], padding=3)
        return x * torch.sigmoid(batch_norm(state, f"{name}.conv.bn", weight))

    def parts(view: Tensor) -> Tensor:
        gap, features = convnext(state, "model_1.convnext.", view)
        rows = gate("model_1.tri_layer.cw", features.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
        columns = gate("model_1.tri_layer.hc", features.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
        seen = (("classifier_mcb1", rows.mean((-2, -1))), ("classifier_mcb2", columns.mean((-2, -1))))
        return torch.stack([class_block(state, f"model_1.{n}", x) for n, x in (*seen, ("classifier1", gap))], dim=2)

    return flipped_sum(parts, images)


def resnet(state: State, at: str, images: Tensor, layers: int = 4, style: dict[str, Tensor] | None = None) -> Tensor:
    """The map after some layers, the last stride taken out.

    Args:
        style: scale and shift of some blocks' first instance normalisation, by the names that MuSe-Net gives them.
    """

    def conv(name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, state[f"{at}{name}.weight"], stride=stride, padding=padding)

    def first_norm(name: str, x: Tensor) -> Tensor:
        if f"{at}{name}.bn1.IN.weight" not in state:
            return batch_norm(state, f"{at}{name}.bn1", x)
        half = x.shape[1] // 2
        low, high = x[:, :half], x[:, half:]
        centred = low - low.mean((2, 3), keepdim=True)
        low = centred / (centred.pow(2).mean((2, 3), keepdim=True) + 1e-5).sqrt()
        low = low * state[f"{at}{name}.bn1.IN.weight"][:, None, None] + state[f"{at}{name}.bn1.IN.bias"][:, None, None]
        key = name.replace(".", "_")
        if style is not None and f"{key}_w" in style:
            low = low * (1 + style[f"{key}_w"]) + style[f"{key}_b"]
        return torch.cat([low, batch_norm(state, f"{at}{name}.bn1.BN", high)], dim=1)

    x = batch_norm(state, f"{at}bn1", conv("conv1", images, 2, 3)).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for layer, blocks in enumerate((3, 4, 6, 3)[:layers], start=1):
        for block in range(blocks):
            name, stride = f"layer{layer}.{block}", 2 if layer in (2, 3) and not block else 1
            silent = layers == 2 and name == "layer2.3"  # MuSe-Net's style branch: `layer2[3].relu = nn.Sequential()`
            relu = (lambda v: v) if silent else torch.relu
            y = relu(first_norm(name, conv(f"{name}.conv1", x)))
            y = relu(batch_norm(state, f"{at}{name}.bn2", conv(f"{name}.conv2", y, stride, 1)))
            y = batch_norm(state, f"{at}{name}.bn3", conv(f"{name}.conv3", y))
            if not block:
                x = batch_norm(state, f"{at}{name}.downsample.1", conv(f"{name}.downsample.0", x, stride))
            x = relu(x + y)
    return x


def lpn_forward(state: State, images: Tensor) -> Tensor:
    def parts(view: Tensor) -> Tensor:
        x = resnet(state, "model_1.model.", view)
        middle, step, rings = x.shape[2] // 2, x.shape[2] // 8, []
        for ring in range(1, 5):
            low, high = middle - ring * step, middle + ring * step
            square = x[:, :, low:high, low:high].clone()
            square[:, :, step:-step, step:-step] = 0 if ring > 1 else square[:, :, step:-step, step:-step]
            rings.append(class_block(state, f"classifier{ring - 1}", square.mean((2, 3))))
        return torch.stack(rings, dim=2)

    return flipped_sum(parts, images)


def sdpl_forward(state: State, images: Tensor) -> Tensor:
    """By masks over the whole map where the public code slices and pads; rows and columns are shifted alike."""

    def shares(x: Tensor) -> Tensor:
        at = "model_1.shift_blocks."
        y = F.conv2d(x, state[f"{at}0.weight"], state[f"{at}0.bias"]).relu().mean((2, 3))
        return linear(state, f"{at}8", linear(state, f"{at}6", linear(state, f"{at}4", y))).softmax(1)

    def moved(x: Tensor, by: int) -> Tensor:
        """What lies in the middle of the map, moved down and right; nothing reaches the border."""
        return torch.roll(x, (by, by), (2, 3))

    def gem(x: Tensor, half: int) -> Tensor:
        inside = x[:, :, 16 - half : 16 + half, 16 - half : 16 + half]
        return (inside.clamp(min=1e-6) ** 3).mean((2, 3)) ** (1 / 3)

    def parts(view: Tensor) -> Tensor:
        x = resnet(state, "model_1.model.", view)
        weight, summed = shares(x), torch.zeros(())
        rows = torch.arange(32)
        for number, shift in enumerate((-2, 0, 2)):
            far = (rows - 16 - shift + 0.5).abs()
            distance = torch.maximum(far[:, None], far[None, :])  # from the shifted centre, in locations
            masks = [(distance < 4), (distance >= 4) & (distance < 8), (distance >= 8) & (distance < 12)]
            first, second, third = (moved(x * mask, -shift) for mask in masks)
            x = x * (distance >= 12)
            seen = (
                (first, 4), (second, 8), (third, 12), (x, 16), (first + second, 8), (second + third, 12),
                (x + third, 16), (first + second + third, 12), (x + second + third, 16), (x, 16),
            )  # fmt: skip
            pooled = torch.stack([gem(part, half) for part, half in seen], dim=2)
            summed = summed + pooled * weight[:, number, None, None]
        return torch.stack([class_block(state, f"classifier{part}", summed[:, :, part]) for part in range(10)], dim=2)

    return flipped_sum(parts, images)


def muse_net_forward(state: State, images: Tensor) -> Tensor:
    def parts(view: Tensor) -> Tensor:
        seen = resnet(state, "pt_model.model.", view, layers=2)
        seen = seen.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        style = {}
        for name in ("layer1_1_w", "layer1_1_b", "layer1_2_w", "layer1_2_b"):
            at = f"pt_model.{name}.Gen.0.conv2d"
            style[name] = F.conv2d(seen, state[f"{at}.weight"], state[f"{at}.bias"], padding=1)
        x = resnet(state, "model_1.model.", view, style=style).mean((2, 3))
        return batch_norm(state, "classifier.bnorm", linear(state, "classifier.Linear", x))[:, :, None]

    return flipped_sum(parts, images)


def ccr_forward(state: State, images: Tensor) -> Tensor:
    def gate(name: str, x: Tensor) -> Tensor:
        at = f"model_1.ADIB_layer.{name}"
        mean = x.mean(1, keepdim=True)
        std = ((x - mean).pow(2).sum(1, keepdim=True) / (x.shape[1] - 1)).sqrt()
        learnt = 1 / (1 + (-state[f"{at}.compress.weight"]).exp())
        summary = (std + mean) / 2 + learnt[0] * std + learnt[1] * mean
        weight = F.conv2d(summary, state[f"{at}.conv.conv.weight"], padding=3)
        return x * torch.sigmoid(batch_norm(state, f"{at}.conv.bn", weight))

    def bilinear(x: Tensor) -> Tensor:
        at = "model_1.CIB_layer.attentions"
        maps = F.conv2d(x, state[f"{at}.conv.weight"])
        mean, variance = state[f"{at}.bn.running_mean"], state[f"{at}.bn.running_var"]
        scaled = (maps - mean[:, None, None]) / (variance[:, None, None] + 0.001).sqrt()
        maps = (scaled * state[f"{at}.bn.weight"][:, None, None] + state[f"{at}.bn.bias"][:, None, None]).relu()
        matrix = maps.flatten(2) @ x.flatten(2).transpose(1, 2) / (x.shape[2] * x.shape[3])
        rooted = matrix.flatten(1).sign() * (matrix.flatten(1).abs() + 1e-6).sqrt()
        return rooted / rooted.norm(dim=1, keepdim=True)

    def parts(view: Tensor) -> Tensor:
        gap, features = convnext(state, "model_1.backbone.", view)
        rows = gate("cw", features.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
        columns = gate("hc", features.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
        seen = (("classifier_mcb1", bilinear(rows)), ("classifier_mcb2", bilinear(columns)), ("classifier1", gap))
        return torch.stack([class_block(state, f"model_1.{name}", x) for name, x in seen], dim=2)

    return flipped_sum(parts, images)


def tokens(state: State, at: str, images: Tensor, depth: int, heads: int, divisor: float) -> Tensor:
    """All tokens of a vision transformer. Args: divisor: of the products of queries and keys."""
    x = F.conv2d(images, state[f"{at}patch_embed.proj.weight"], state[f"{at}patch_embed.proj.bias"], stride=16)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([state[f"{at}cls_token"].expand(len(x), -1, -1), x], dim=1) + state[f"{at}pos_embed"]
    for block in range(depth):
        name = f"{at}blocks.{block}."
        y = layer_norm(state, f"{name}norm1", x)
        qkv = y @ state[f"{name}attn.qkv.weight"].T + state.get(f"{name}attn.qkv.bias", torch.zeros(()))
        q, k, v = qkv.reshape(*x.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
        y = ((q @ k.transpose(-1, -2) / divisor).softmax(-1) @ v).transpose(1, 2).reshape(x.shape)
        x = x + linear(state, f"{name}attn.proj", y)
        y = F.gelu(linear(state, f"{name}mlp.fc1", layer_norm(state, f"{name}norm2", x)))
        x = x + linear(state, f"{name}mlp.fc2", y)
    return layer_norm(state, f"{at}norm", x)


def fsra_forward(state: State, images: Tensor) -> Tensor:
    def parts(view: Tensor) -> Tensor:
        [seen] = tokens(state, "model_1.transformer.", view, 8, 8, 768**0.5)
        hottest = sorted(seen[1:], key=lambda token: -token.mean())
        regions = [torch.stack(hottest[low:high]).mean(0) for low, high in ((0, 85), (85, 170), (170, 256))]
        heads = [f"classifier_heat{region}" for region in (1, 2, 3)]
        shown = zip([*heads, "classifier1"], [*regions, seen[0]], strict=True)
        return torch.stack([class_block(state, f"model_1.{name}", x[None]) for name, x in shown], dim=2)

    return flipped_sum(parts, images)


def dense_uav_forward(state: State, images: Tensor) -> Tensor:
    def parts(view: Tensor) -> Tensor:
        seen = tokens(state, "backbone.backbone.", view, 12, 6, 64**0.5)
        return class_block(state, "head.classifier", seen[:, 1:].mean(1))[:, :, None]

    return flipped_sum(parts, images)


def sample4geo_forward(state: State, images: Tensor) -> Tensor:
    weights = Weights()
    weights.convnext("")  # the same numbers under the first release's names
    return convnext(weights.state, "", images)[0]


def game4loc_forward(state: State, images: Tensor) -> Tensor:
    dim, heads = 512, 8
    x = F.conv2d(images, state["model.patch_embed.proj.weight"], state["model.patch_embed.proj.bias"], stride=16)
    batch, _, height, width = x.shape
    x = torch.cat([state["model.reg_token"].expand(batch, -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
    bands = 1 / 10000 ** (torch.arange(16) / 16)  # 16 for each axis: half of 64 channels of a head, in pairs
    places = torch.cartesian_prod(torch.arange(height) / height * 16, torch.arange(width) / width * 16)
    angles = (places[:, :, None] * bands).flatten(1)  # (N, 32)
    sin, cos = angles.sin().repeat_interleave(2, 1), angles.cos().repeat_interleave(2, 1)

    def turned(v: Tensor) -> Tensor:
        """Rotary positions; the register has none."""
        tokens = v[:, :, 1:]
        crossed = torch.stack([-tokens[..., 1::2], tokens[..., ::2]], dim=-1).flatten(-2)
        return torch.cat([v[:, :, :1], tokens * cos + crossed * sin], dim=2)

    for block in range(12):
        at = f"model.blocks.{block}."
        y = layer_norm(state, f"{at}norm1", x)
        bias = torch.cat([state[f"{at}attn.q_bias"], torch.zeros(dim), state[f"{at}attn.v_bias"]])
        qkv = (y @ state[f"{at}attn.qkv.weight"].T + bias).reshape(batch, -1, 3, heads, dim // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        weights = (turned(q) @ turned(k).transpose(-1, -2) / (dim // heads) ** 0.5).softmax(-1)
        y = (weights @ v).transpose(1, 2).reshape(batch, -1, dim)
        x = x + state[f"{at}gamma_1"] * linear(state, f"{at}attn.proj", y)
        y = F.gelu(linear(state, f"{at}mlp.fc1", layer_norm(state, f"{at}norm2", x)))
        x = x + state[f"{at}gamma_2"] * linear(state, f"{at}mlp.fc2", y)
    return layer_norm(state, "model.fc_norm", x[:, 1:].mean(1))


CASES: dict[str, tuple[Callable[[], State], Callable[[State, Tensor], Tensor], int]] = {
    "DAC": (dac, pooled, 768),
    "CAMP": (camp, pooled, 768),
    "MCCG": (mccg, mccg_forward, 3 * 512),
    "LPN": (lpn, lpn_forward, 4 * 512),
    "Sample4Geo": (sample4geo, sample4geo_forward, 768),
    "Game4Loc": (game4loc, game4loc_forward, 512),
    "FSRA": (fsra, fsra_forward, 4 * 512),
    "SDPL": (sdpl, sdpl_forward, 10 * 512),
    "MuSe-Net": (muse_net, muse_net_forward, 512),
    "CCR": (ccr, ccr_forward, 3 * 512),
    "DenseUAV": (dense_uav, dense_uav_forward, 512),
}
SIDES = {"MCCG": 256, "LPN": 256, "FSRA": 256, "SDPL": 512, "MuSe-Net": 256, "DenseUAV": 224}
"""Of the input in pixels; 384 for the others."""


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[tuple[str, State, OtherConfig, OtherNetwork]]:
    state = CASES[request.param][0]()
    yield (request.param, state, *load_other(state))


@pytest.mark.slow
def test_embeddings_equal_those_of_a_second_implementation(case):
    name, state, _, network = case
    free = name in ("DAC", "CAMP", "MCCG", "CCR", "Sample4Geo")  # a convolutional network takes any size
    side = 64 if free else SIDES.get(name, 384)
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours, theirs = network(images), F.normalize(CASES[name][1](state, images), dim=1)
    assert ours.shape == theirs.shape == (1, CASES[name][2]) and network.dimension == CASES[name][2]
    assert (ours - theirs).abs().max() < 1e-5


def test_each_method_states_size_normalisation_code_and_licence(case):
    name, state, config, network = case
    assert config.method == name and not network.training
    assert config.image_size == SIDES.get(name, 384)
    assert config.mean == ((0.5, 0.5, 0.5) if name == "Game4Loc" else (0.485, 0.456, 0.406))
    method = recognised(state)
    assert method is not None and method.name == name and method in METHODS
    assert "/" in method.code and method.licence


def test_no_tensor_may_be_missing(case):
    name, state, *_ = case
    used = {
        "LPN": "classifier2.add_block.1.bias",
        "Game4Loc": "model.blocks.3.norm1.bias",
        "FSRA": "model_1.transformer.blocks.3.norm1.bias",
        "SDPL": "model_1.shift_blocks.6.bias",
        "MuSe-Net": "classifier.bnorm.running_mean",
        "DenseUAV": "backbone.backbone.blocks.3.norm1.bias",
    }.get(name)
    used = used or next(key for key in state if "stages.1." in key and key.endswith("norm.bias"))
    with pytest.raises(CheckpointError, match=rf"not the weights of {name} \(\S+\): missing \S+\.$"):
        load_other(
            {key: value for key, value in state.items() if key not in (used, used.replace("model_1", "model_2"))}
        )


def test_unknown_names_and_other_shapes_are_named():
    state = dac()
    with pytest.raises(CheckpointError, match=r"unknown extra\.weight\."):
        load_other({**state, "extra.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"model_1\.convnext\.norm\.bias is \(3,\), expected \(768,\)"):
        load_other({**state, "model_1.convnext.norm.bias": torch.zeros(3)})


def test_what_nobody_knows_is_told_by_its_first_names():
    with pytest.raises(CheckpointError, match=r"of none of MEAN, FSRA, .* \(a, b, c, and 1 more\).*timm:NAME=FILE"):
        load_other(dict.fromkeys("abcd", torch.zeros(1)))
    assert (
        recognised({"model_1.DEG.FC1.weight": torch.zeros(1), "model_1.proj.layers.0.0.weight": torch.zeros(1)}) is None
    )


def test_a_backbone_of_another_size_is_named():
    narrow = {**dac(), "model_1.convnext.downsample_layers.0.0.weight": torch.zeros(80, 3, 4, 4)}
    with pytest.raises(CheckpointError, match=r"named as DAC names them .*timm:NAME=FILE"):
        load_other(narrow)


def test_lpn_without_one_network_for_both_views_is_refused():
    state = lpn()
    with pytest.raises(CheckpointError, match="without one network for satellites and drones"):
        load_other({**state, "model_3.model.conv1.weight": state["model_3.model.conv1.weight"] + 1})
    with pytest.raises(CheckpointError, match="without one network for satellites and drones"):
        load_other({name: value for name, value in state.items() if not name.startswith("model_3.")})


def test_any_timm_model_is_a_baseline():
    config = OtherConfig("timm", "resnet10t", 64)
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=10).eval()
    state = theirs.state_dict()
    plain = timm_model(config, state, ("fc",))
    bare = {name: value for name, value in state.items() if not name.startswith("fc.")}
    wrapped = {f"model.{name}": value for name, value in bare.items()} | {"logit_scale": torch.ones(())}
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = F.normalize(theirs.forward_head(theirs.forward_features(images), pre_logits=True))
        assert torch.allclose(plain(images), expected, atol=1e-6)
        assert torch.equal(plain(images), timm_model(config, wrapped, ("fc",))(images))
    with pytest.raises(CheckpointError, match=r"not the weights of timm \(resnet10t\): unknown fc\.bias, fc\.weight"):
        timm_model(config, state, ("head",))


def test_a_variant_that_is_not_known_is_told_by_what_differs():
    fewer = {name: value for name, value in sdpl().items() if not name.startswith("classifier9.")}
    with pytest.raises(CheckpointError, match="SDPL with 9 parts; known here are 10"):
        load_other(fewer)
    state = muse_net()
    moved = {name.replace("layer1_2_", "layer2_3_"): value for name, value in state.items()}
    with pytest.raises(CheckpointError, match=r"MuSe-Net with the modulations .*layer2_3_w.*--btnk 0 1 1 0"):
        load_other(moved)
    with pytest.raises(CheckpointError, match="MuSe-Net without one network for satellites and drones"):
        load_other({**state, "model_3.model.conv1.weight": torch.zeros(1)})
    state = ccr()
    with pytest.raises(CheckpointError, match="CCR with 16 attention maps; known here are 32"):
        load_other(state | {"model_1.CIB_layer.attentions.conv.weight": torch.zeros(16, 768, 1, 1)})
    state = fsra()
    with pytest.raises(CheckpointError, match=r"FSRA .* has 7 blocks and positions \(1, 257, 768\)"):
        load_other({name: value for name, value in state.items() if ".blocks.7." not in name})
    global_only = {name: value for name, value in state.items() if "heat" not in name}
    with pytest.raises(CheckpointError, match="FSRA with 0 heat regions"):
        load_other(global_only)
    with pytest.raises(CheckpointError, match=r"DenseUAV .* positions \(1, 197, 192\)"):
        load_other(dense_uav() | {"backbone.backbone.pos_embed": torch.zeros(1, 197, 192)})
