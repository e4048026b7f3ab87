"""Weights of other published methods: recognised by the names of their tensors, and brought into a network here.

What each method's file holds was read from its public code, which `METHODS` names. The files are the user's own: none
is part of this project, and each has the licence that its authors gave it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..tensors import renamed, require_dense, require_names, some
from .convnext_names import first_release_names, size_of
from .networks import FSRA_VIT, OtherConfig, OtherNetwork, build
from .parts import ATTENTION_MAPS, DENSE_PARTS
from .resnets import STYLED_BLOCKS


@dataclass(frozen=True)
class Method:
    """What is known of a method: where from, under which licence, and what of its file no embedding needs."""

    name: str
    code: str  # repository and files that the layout was read from
    licence: str
    mark: str  # a name that no other method's file has; with a dot at the end, the beginning of one
    dropped: Mapping[str, str]  # beginning of names -> why the network has no such tensors
    image_size: int = 384

    def marks(self, name: str) -> bool:
        """Whether a tensor of this name is of this method."""
        return name.startswith(self.mark) if self.mark.endswith(".") else name == self.mark


_TEMPERATURES = {"logit_scale": "temperatures of the losses", "w_blocks": "weights of a loss between blocks"}
_IMAGENET_HEAD = {"model_1.convnext.head.": "the ImageNet classifier, which no forward pass calls"}
_TRAINING = {
    "model_1.classifier": "heads that only training uses",
    "model_1.tri_layer.": "attention that only training uses",
}

_STREET = {"model_2.": "the network for photos from the street"}
_SHARED = {"model_3.": "the network for drones, which is that for satellites"}

METHODS = (
    Method(
        "FSRA",
        "Dmmm1997/FSRA: models/FSRA/make_model.py, models/FSRA/backbones/vit_pytorch.py, test_server.py",
        "none stated",
        "model_1.transformer.",
        {
            **_STREET,
            "model_1.transformer.fc.": "the ImageNet classifier",
            "model_1.classifier": "classifiers, of which an embedding needs the layers before",
        },
    ),
    Method(
        "SDPL",
        "C-water/SDPL_release: model_LPN_Gem_denseLPN.py, test_new.py, model/pretrained/opts.yaml",
        "none stated",
        "model_1.shift_blocks.",
        {
            "model_1.model.fc.": "the ImageNet classifier",
            "model_1.gem": "exponents of the pooling, for which its forward pass takes 3",
            "model_1.bn.": "a normalisation that no forward pass calls",
            "model_2.": "the network for drones, which is that for satellites",
            "classifier": "classifiers, of which an embedding needs the layers before",
        },
        image_size=512,
    ),
    Method(
        "MuSe-Net",
        "wtyhub/MuseNet: model.py (three_view_net, Pt_ResNet50), resnet_adaibn.py, modules.py, test_iaa.py, run.sh",
        "MIT",
        "pt_model.",
        {
            **_STREET,
            **_SHARED,
            "model_1.model.fc.": "the ImageNet classifier",
            "pt_model.model.fc.": "the ImageNet classifier",
            "pt_model.model.layer3.": "layers that no forward pass calls",
            "pt_model.model.layer4.": "layers that no forward pass calls",
            "pt_model.classifier.": "a classifier of the weather",
            "classifier.classifier.": "the classifier, of which an embedding needs the layers before",
        },
        image_size=256,
    ),
    Method(
        "CCR",
        "Cyberpunk1998/CCR: models/ConvNext/make_model.py, models/ConvNext/backbones/model_convnext.py, "
        "test_university.py",
        "none stated",
        "model_1.CIB_layer.",
        {
            **_STREET,
            "model_1.backbone.head.": "the ImageNet classifier",
            "model_1.classifier": "classifiers, of which an embedding needs the layers before",
        },
    ),
    Method(
        "DenseUAV",
        "Dmmm1997/DenseUAV: models/taskflow.py, models/Head/SingleBranch.py, models/Backbone/backbone.py, test.py",
        "Apache-2.0",
        "head.classifier.add_block.",
        {
            "backbone.backbone.head.": "the ImageNet classifier",
            "head.classifier.classifier.": "the classifier, of which an embedding needs the layers before",
        },
    ),
    Method(
        "DAC",
        "SummerpanKing/DAC: sample4geo/hand_convnext/ConvNext/make_model.py, sample4geo/hand_convnext/model.py",
        "Apache-2.0",
        "model_1.proj.mlp.",
        {**_TEMPERATURES, **_IMAGENET_HEAD, **_TRAINING, "model_1.proj": "projections that only training uses"},
    ),
    Method(
        "CAMP",
        "Mabel0403/CAMP: sample4geo/hand_convnext/ConvNext/make_model.py, sample4geo/trainer.py (predict)",
        "MIT",
        "model_1.pos_embed",
        {
            **_TEMPERATURES,
            **_IMAGENET_HEAD,
            **_TRAINING,
            "ECE_weight_": "weights of the losses",
            "model_1.pos_": "positions, which are added to the map and not to the pooled feature",
        },
    ),
    Method(
        "MCCG",
        "mode-str/crossview: models/ConvNext/make_model.py, test.py",
        "none stated",
        "model_1.tri_layer.",
        {**_IMAGENET_HEAD, "model_1.classifier": "classifiers, of which an embedding needs the layers before"},
        image_size=256,
    ),
    Method(
        "LPN",
        "wtyhub/LPN: model.py (three_view_net, ft_net_LPN), test.py, run.sh",
        "MIT",
        "classifier0.add_block.",
        {
            **_STREET,
            **_SHARED,
            "model_1.model.fc.": "the ImageNet classifier",
            "classifier": "classifiers, of which an embedding needs the layers before",
        },
        image_size=256,
    ),
    Method(
        "Game4Loc",
        "Yux1angJi/GTA-UAV: Game4Loc/game4loc/models/model.py (DesModel), Game4Loc/eval_gta.py",
        "Apache-2.0",
        "model.reg_token",
        {**_TEMPERATURES, "MLP.": "a head for the offset between photo and tile, which no embedding needs"},
    ),
    Method(
        "Sample4Geo",
        "Skyy93/Sample4Geo: sample4geo/model.py (TimmModel), eval_university.py",
        "none stated",
        "model.stem.0.weight",
        {**_TEMPERATURES, "back_mlp": "heads of a variant that no embedding needs"},
    ),
)
"""The methods in the order in which a file is tried: the layout of one may hold the mark of a later one."""

_ROPE_VITS = {
    (512, 12, 1): "vit_medium_patch16_rope_reg1_gap_256",
    (512, 20, 1): "vit_mediumd_patch16_rope_reg1_gap_256",
    (640, 12, 4): "vit_betwixt_patch16_rope_reg4_gap_256",
    (768, 12, 1): "vit_base_patch16_rope_reg1_gap_256",
}
"""Channels, blocks and registers -> timm name of the vision transformers that Game4Loc trains."""

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

_THREE_HEADS = ("model_1.classifier_mcb1", "model_1.classifier_mcb2", "model_1.classifier1")
"""Of MCCG and CCR: rows, columns, and the pooled feature."""

_HALF = (0.5, 0.5, 0.5)  # mean and standard deviation that timm states for them


def load_other(state: Mapping[str, Tensor]) -> tuple[OtherConfig, OtherNetwork]:
    """The network of the method that a state dict is of, with its weights.

    Raises:
        CheckpointError: it is of no method that is known here, or does not fit the one that its names belong to.
    """
    method = recognised(state)
    require_dense(state)
    if method is None:
        first = some(sorted(state), 3)
        known = ", ".join(["MEAN", *(each.name for each in METHODS)])
        raise CheckpointError(
            f"These tensors are of none of {known} ({first}). Weights of a plain timm model are given as "
            "timm:NAME=FILE, such as timm:resnet50=weights.pth."
        )
    config, names = _LAYOUTS[method.name](method, state)
    return config, _filled(config, state, names, tuple(method.dropped))


def recognised(state: Mapping[str, Tensor]) -> Method | None:
    """The method that a state dict is of, by its names alone."""
    return next((method for method in METHODS if any(map(method.marks, state))), None)


def timm_model(config: OtherConfig, state: Mapping[str, Tensor], classifier: tuple[str, ...]) -> OtherNetwork:
    """A plain timm model with its weights.

    Args:
        state: as timm names it, with or without `model.` before each name and a `logit_scale`.
        classifier: names of its classifying layers, which are left out.

    Raises:
        CheckpointError: tensors that the model does not have, lacks, or has in another shape.
    """
    prefix = "model." if all(name.startswith(("model.", "logit_scale")) for name in state) else ""
    require_dense(state)
    dropped = ("logit_scale", *(f"{prefix}{layer}." for layer in classifier))
    return _filled(config, state, _without(prefix, state, dropped), dropped)


def _filled(
    config: OtherConfig, state: Mapping[str, Tensor], names: Mapping[str, str], dropped: tuple[str, ...]
) -> OtherNetwork:
    """The network with the tensors under their new names; every other one has to begin as the dropped ones do."""
    network = build(config)
    expected = network.state_dict()
    old = {new: name for name, new in names.items()}
    found = [name for name in state if name in names or not name.startswith(dropped)]
    what = f"These are not the weights of {config.method} ({config.backbone})"
    require_names(found, [old.get(name, name) for name in expected], what)
    network.load_state_dict(renamed(state, names, expected), strict=True, assign=True)
    return network


def _without(prefix: str, state: Mapping[str, Tensor], dropped: tuple[str, ...]) -> dict[str, str]:
    """Map timm's names behind a prefix to the names here."""
    return {name: f"backbone.{name.removeprefix(prefix)}" for name in state if not name.startswith(dropped)}


# --- the layouts: config, and old name -> new name -------------------------------------------------------------------

Layout = tuple[OtherConfig, dict[str, str]]


def _pooled_convnext(method: Method, state: Mapping[str, Tensor]) -> Layout:
    """DAC and CAMP: the first release's names; the embedding is `gap_feature`, the pooled and normalised map."""
    size, names = _first_release(method, state)
    return OtherConfig(method.name, size, method.image_size, resize="bilinear"), names


def _mccg(method: Method, state: Mapping[str, Tensor]) -> Layout:
    size, names = _first_release(method, state)
    for ours, theirs in (("rows", "cw"), ("columns", "hc")):
        names[f"model_1.tri_layer.{theirs}.conv.conv.weight"] = f"split.{ours}.conv.weight"
        names |= {f"model_1.tri_layer.{theirs}.conv.bn.{leaf}": f"split.{ours}.norm.{leaf}" for leaf in _BATCH_NORM}
    config = OtherConfig(method.name, size, method.image_size, "gates", len(_THREE_HEADS))
    return config, names | _heads(_THREE_HEADS)


def _ccr(method: Method, state: Mapping[str, Tensor]) -> Layout:
    size, names = _first_release(method, state, "model_1.backbone.")
    _require_parts(method, state["model_1.CIB_layer.attentions.conv.weight"].shape[0], ATTENTION_MAPS, "attention maps")
    for ours, theirs in (("rows", "cw"), ("columns", "hc")):
        names[f"model_1.ADIB_layer.{theirs}.compress.weight"] = f"split.{ours}.shares"
        names[f"model_1.ADIB_layer.{theirs}.conv.conv.weight"] = f"split.{ours}.conv.weight"
        names |= {f"model_1.ADIB_layer.{theirs}.conv.bn.{leaf}": f"split.{ours}.norm.{leaf}" for leaf in _BATCH_NORM}
    names["model_1.CIB_layer.attentions.conv.weight"] = "split.attention.weight"
    names |= {f"model_1.CIB_layer.attentions.bn.{leaf}": f"split.norm.{leaf}" for leaf in _BATCH_NORM}
    config = OtherConfig(method.name, size, method.image_size, "attention", len(_THREE_HEADS))
    return config, names | _heads(_THREE_HEADS)


def _sdpl(method: Method, state: Mapping[str, Tensor]) -> Layout:
    _require_one_network(method, state, "model_2.")
    heads = [name for name in state if name.startswith("classifier") and name.endswith(".add_block.0.weight")]
    _require_parts(method, len(heads), DENSE_PARTS, "parts")
    names = {
        f"model_1.model.{layer}": f"backbone.{layer}"
        for layer in (name.removeprefix("model_1.model.") for name in state if name.startswith("model_1.model."))
        if not layer.startswith("fc.")
    }
    for theirs, ours in (("0", "reduce"), ("4", "shares.0"), ("6", "shares.1"), ("8", "shares.2")):
        names |= {f"model_1.shift_blocks.{theirs}.{leaf}": f"split.{ours}.{leaf}" for leaf in ("weight", "bias")}
    config = OtherConfig(method.name, "resnet50", method.image_size, "dense_rings", DENSE_PARTS)
    return config, names | _heads(tuple(f"classifier{part}" for part in range(DENSE_PARTS)))


def _muse_net(method: Method, state: Mapping[str, Tensor]) -> Layout:
    _require_one_network(method, state, "model_3.")
    styled = {name.split(".")[1] for name in state if name.startswith("pt_model.layer")}
    expected = {f"layer1_{block}_{kind}" for block in STYLED_BLOCKS for kind in "wb"}
    if styled != expected:
        raise CheckpointError(
            f"These are weights of {method.name} with the modulations {some(sorted(styled))}; known here are those of "
            f"its published run, {', '.join(sorted(expected))} (--norm=spade --btnk 0 1 1 0 0 0 0)."
        )
    names = {}
    for name in state:
        if name.startswith("model_1.model.") and ".fc." not in name:
            layer = name.removeprefix("model_1.model.").replace(".bn1.IN.", ".bn1.instance.")
            names[name] = f"backbone.content.{layer.replace('.bn1.BN.', '.bn1.batch.')}"
        elif name.startswith("pt_model.model.") and not name.startswith(tuple(method.dropped)):
            names[name] = f"backbone.style.{name.removeprefix('pt_model.model.')}"
    for block in STYLED_BLOCKS:
        for theirs, ours in (("w", "scales"), ("b", "shifts")):
            names |= {
                f"pt_model.layer1_{block}_{theirs}.Gen.0.conv2d.{leaf}": f"backbone.{ours}.{block}.{leaf}"
                for leaf in ("weight", "bias")
            }
    names |= {f"classifier.Linear.{leaf}": f"heads.0.0.{leaf}" for leaf in ("weight", "bias")}
    names |= {f"classifier.bnorm.{leaf}": f"heads.0.1.{leaf}" for leaf in _BATCH_NORM}
    return OtherConfig(method.name, "resnet50", method.image_size, "style"), names


def _fsra(method: Method, state: Mapping[str, Tensor]) -> Layout:
    side = _vit_side(method, state, "model_1.transformer.", 768, 8)
    regions = len({name.split(".")[1] for name in state if name.startswith("model_1.classifier_heat")})
    names = {
        name: f"backbone.{name.removeprefix('model_1.transformer.')}"
        for name in state
        if name.startswith("model_1.transformer.") and ".fc." not in name.removeprefix("model_1.transformer")
    }
    heads = (*(f"model_1.classifier_heat{region}" for region in range(1, regions + 1)), "model_1.classifier1")
    if not 1 <= regions <= 8:
        raise CheckpointError(f"These are weights of {method.name} with {regions} heat regions; 1 to 8 are known here.")
    return OtherConfig(method.name, FSRA_VIT, side, "heat", len(heads)), names | _heads(heads)


def _dense_uav(method: Method, state: Mapping[str, Tensor]) -> Layout:
    side = _vit_side(method, state, "backbone.backbone.", 384, 12)
    names = _without("backbone.backbone.", state, (*method.dropped, "head."))
    config = OtherConfig(method.name, "vit_small_patch16_224", side, "tokens")
    return config, names | _heads(("head.classifier",))


def _vit_side(method: Method, state: Mapping[str, Tensor], prefix: str, channels: int, depth: int) -> int:
    """Side of the input in pixels of a transformer with patches of 16 px, the width and the depth that are known."""
    positions = state.get(f"{prefix}pos_embed", torch.empty(0)).shape
    blocks = len({name.split(".blocks.")[1].split(".")[0] for name in state if name.startswith(f"{prefix}blocks.")})
    side = math.isqrt(max(0, positions[1] - 1)) if len(positions) == 3 else 0
    if (
        len(positions) != 3
        or positions[2] != channels
        or blocks != depth
        or side * side + 1 != positions[1]
        or not side
    ):
        raise CheckpointError(
            f"These weights are named as {method.name} names them ({method.code}), but its transformer has {blocks} "
            f"blocks and positions {tuple(positions)}; known is the one of {depth} blocks and width {channels}."
        )
    return 16 * side


def _require_parts(method: Method, found: int, known: int, what: str) -> None:
    if found != known:
        raise CheckpointError(f"These are weights of {method.name} with {found} {what}; known here are {known}.")


def _require_one_network(method: Method, state: Mapping[str, Tensor], drone: str) -> None:
    """Refuse a file that has another network for drones than for satellites. Args: drone: begins its names."""
    own = [name for name in state if name.startswith("model_1.")]
    theirs = [state.get(name.replace("model_1.", drone, 1)) for name in own]
    if not all(value is not None and torch.equal(state[name], value) for name, value in zip(own, theirs, strict=True)):
        raise CheckpointError(
            f"These are weights of {method.name} without one network for satellites and drones: one has to serve both "
            "here, as --share trains it."
        )


def _lpn(method: Method, state: Mapping[str, Tensor]) -> Layout:
    _require_one_network(method, state, "model_3.")
    own = [name for name in state if name.startswith("model_1.")]
    rings = len({name.split(".")[0] for name in state if name.startswith("classifier")})
    if not 1 <= rings <= 8:
        raise CheckpointError(f"These are weights of LPN with {rings} rings; a map of 16 x 16 has 1 to 8.")
    names = {name: f"backbone.{name.removeprefix('model_1.model.')}" for name in own if ".fc." not in name}
    config = OtherConfig(method.name, "resnet50", method.image_size, "rings", rings)
    return config, names | _heads(tuple(f"classifier{ring}" for ring in range(rings)))


def _timm_convnext(method: Method, state: Mapping[str, Tensor]) -> Layout:
    size, _ = size_of(state, "model.stem.0.weight", "model.stages.{stage}.blocks.{block}.gamma")
    if size is None:
        raise _unknown_size(method)
    config = OtherConfig(method.name, size, method.image_size, resize="bilinear")
    return config, _without("model.", state, tuple(method.dropped))


def _timm_vit(method: Method, state: Mapping[str, Tensor]) -> Layout:
    register = state["model.reg_token"].shape
    blocks = len({name.split(".")[2] for name in state if name.startswith("model.blocks.")})
    size = _ROPE_VITS.get((register[-1], blocks, register[1])) if len(register) == 3 else None
    if size is None:
        raise _unknown_size(method)
    config = OtherConfig(method.name, size, method.image_size, resize="bilinear", mean=_HALF, std=_HALF)
    return config, _without("model.", state, tuple(method.dropped))


def _first_release(
    method: Method, state: Mapping[str, Tensor], prefix: str = "model_1.convnext."
) -> tuple[str, dict[str, str]]:
    stem, block = f"{prefix}downsample_layers.0.0.weight", prefix + "stages.{stage}.{block}.gamma"
    size, depths = size_of(state, stem, block) if stem in state else (None, ())
    if size is None:
        raise _unknown_size(method)
    return size, {f"{prefix}{old}": f"backbone.{new}" for old, new in first_release_names(depths).items()}


def _heads(heads: tuple[str, ...]) -> dict[str, str]:
    """The linear layer and the batch normalisation before each classifier."""
    leaves = ["0.weight", "0.bias", *(f"1.{leaf}" for leaf in _BATCH_NORM)]
    return {f"{head}.add_block.{leaf}": f"heads.{part}.{leaf}" for part, head in enumerate(heads) for leaf in leaves}


def _unknown_size(method: Method) -> CheckpointError:
    return CheckpointError(
        f"These weights are named as {method.name} names them ({method.code}), but their backbone is none that is "
        "known here: give its timm name, as timm:NAME=FILE."
    )


_LAYOUTS = {
    "FSRA": _fsra,
    "SDPL": _sdpl,
    "MuSe-Net": _muse_net,
    "CCR": _ccr,
    "DenseUAV": _dense_uav,
    "DAC": _pooled_convnext,
    "CAMP": _pooled_convnext,
    "MCCG": _mccg,
    "LPN": _lpn,
    "Game4Loc": _timm_vit,
    "Sample4Geo": _timm_convnext,
}
