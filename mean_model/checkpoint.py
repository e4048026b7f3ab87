"""Weights: found by name, read strictly, and saved."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .atomic_files import file_sha256, replace, replace_text
from .config import MeanConfig
from .embedder import Config, Embedder, Network, Precision, WeightsFacts
from .errors import CheckpointError, ConfigError
from .hub import Repo, fetch
from .network import MEAN, START_TEMPERATURE
from .other_methods.networks import OtherConfig, build
from .other_methods.recognise import load_other, timm_model
from .published import convert, is_published
from .source import BUNDLED, TIMM, WEIGHTS_SUFFIXES, repo_of
from .tensors import read_tensors, some
from .zero_gpu import LentGpu

Contents = Literal["inference", "full"]


BUNDLED_FOLDER = Path(__file__).parent / "weights"
CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.json", "model.safetensors", "README.md"
CALIBRATION_FILE = "calibration.json"
"""The file that may lie beside the weights: what their searches are worth, for who searches."""

_BRANCHES = ("pee", "gee", "cea")
_MAX_CONFIG_BYTES = 1_000_000


class AbsentBranch(nn.Module):
    """Stands where a training branch would be in a network whose weights are for inference only."""

    def __init__(self, branch: str) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, features: Tensor) -> NoReturn:
        """Refuse to run. Raises: CheckpointError: always."""
        raise CheckpointError(
            f"These weights are for inference only and hold no {self.branch.upper()} branch: "
            'train from weights that were saved with weights="full".'
        )


def load_model(
    source: str | os.PathLike[str] = "starter",
    *,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
    compile: bool = False,
    lent: LentGpu | None = None,
) -> Embedder:
    """Load weights, ready to embed photos.

    Args:
        source: "starter" or "real-ground" for weights that come with the project; a folder with config.json and
            model.safetensors; a .safetensors file with config.json beside it; a .pth file of the paper's authors, or of
            a method in `mean_model.other_methods.recognise.METHODS`, which its names tell; "timm:NAME" for a plain timm
            model, whose weights come from the Hub, or "timm:NAME=FILE"; or a Hub id "user/name[@revision]". What the
            Hub's cache holds is used without asking the network; name a revision (best a commit) to be sure.
        device: such as "cpu" or "cuda:1"; None takes a GPU if there is one.
        precision: "auto" (by what the machine has instructions for), "float32" or "bfloat16".
        compile: optimise for long builds; takes a minute or two at the first batch.
        lent: a GPU that a Space lends for one call at a time.

    Raises:
        CheckpointError: weights that cannot be found or do not fit; the message names what differs.
        HubError: a repository of the Hub that cannot be had.
        ConfigError: a config.json that makes no network, or a device that this machine does not have.
    """
    name, loaded = _load(source)
    return Embedder(
        loaded.network,
        loaded.config,
        WeightsFacts(name, loaded.sha256, loaded.calibration),
        device=device,
        precision=precision,
        compile=compile,
        lent=lent,
    )


def load_network(source: str | os.PathLike[str] = "starter") -> tuple[str, MEAN, MeanConfig, str]:
    """A MEAN network alone, in float32 on the CPU: name of the weights, network, config, SHA-256 of the weights file.

    Args: source: as for `load_model`.

    Raises:
        CheckpointError: as for `load_model`, and for weights of another method.
    """
    name, (network, config, sha256, _) = _load(source)
    if not isinstance(network, MEAN) or not isinstance(config, MeanConfig):
        raise CheckpointError(f"{name} is no MEAN, which is needed here: it can embed photos, and no more.")
    return name, network, config, sha256


class Loaded(NamedTuple):
    """Network and config, the SHA-256 of the weights file, and what JSON the calibration beside it holds."""

    network: Network
    config: Config
    sha256: str
    calibration: Any = None


def _load(source: str | os.PathLike[str]) -> tuple[str, Loaded]:
    """Name of the weights, and what was loaded."""
    repo = repo_of(source)
    if repo is not None:
        return str(source), _from_folder(fetch(repo, (CONFIG_FILE, WEIGHTS_FILE), (CALIBRATION_FILE,)))
    if source in BUNDLED:
        folder = BUNDLED_FOLDER / str(source)
        if not (folder / WEIGHTS_FILE).is_file():
            raise CheckpointError(
                f"The {source} weights are not installed: fetch the project again, or name other weights."
            )
        return str(source), _from_folder(folder)
    if isinstance(source, str) and source.startswith(TIMM):
        model, _, file = source.removeprefix(TIMM).partition("=")
        return f"timm:{model}", _from_timm(model, Path(file).expanduser() if file else None)
    path = Path(source).expanduser()
    if path.is_dir():
        return path.resolve().name, _from_folder(path)
    return path.name, _from_file(path)


def save_model(
    folder: str | os.PathLike[str],
    network: Network,
    config: Config,
    card: str | None = None,
    *,
    weights: Contents = "inference",
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Save config.json, model.safetensors and, if given, the model card README.md into a folder.

    Each file is written beside its place and renamed, so that a reader never meets half a file.

    Args:
        folder: made if missing; the files in it are replaced.
        weights: "inference" keeps the backbone alone; "full" keeps what training needs, too, of a MEAN.
        dtype: of the numbers in the file; half precision changes embeddings by less than 0.0001.

    Returns:
        The path of model.safetensors.

    Raises:
        CheckpointError: numbers that are not finite in `dtype`, or branches to save that the network does not have.
    """
    if weights not in get_args(Contents):
        raise ConfigError(f"weights is {weights!r}; choose 'inference' or 'full'.")
    state = network.inference_state_dict() if weights == "inference" else network.state_dict()
    absent = (isinstance(getattr(network, branch, None), AbsentBranch) for branch in _BRANCHES)
    if weights == "full" and any(absent):
        raise CheckpointError("This network has no training branches to save: save it with weights='inference'.")
    stored = {name: _stored(name, value, dtype) for name, value in state.items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"weights": weights, **config.to_dict()}
    replace(folder / WEIGHTS_FILE, lambda path: save_file(stored, path, metadata={"format": "pt"}))
    replace_text(folder / CONFIG_FILE, json.dumps(settings, indent=2) + "\n")
    if card is not None:
        replace_text(folder / CARD_FILE, card)
    return folder / WEIGHTS_FILE


# --- reading ---------------------------------------------------------------------------------------------------------


def _from_file(path: Path) -> Loaded:
    if path.suffix == ".safetensors" and path.with_name(CONFIG_FILE).is_file():
        return _from_safetensors(path, path.with_name(CONFIG_FILE))
    if path.suffix not in WEIGHTS_SUFFIXES:
        raise CheckpointError(f"{path.name} holds no weights: give a folder, a .safetensors or a .pth file.")
    state = read_tensors(path)
    if any(name.startswith("backbone.") for name in state):
        raise CheckpointError(f"There is no {CONFIG_FILE} beside the weights: put the one they were saved with there.")
    try:
        if not is_published(state):
            config, other = load_other(state)
            return Loaded(other, config, file_sha256(path))
        mean_config, state = convert(state)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error}") from error
    network = _empty_network(mean_config, "full")
    network.load_state_dict(state, strict=True, assign=True)
    return Loaded(network, mean_config, file_sha256(path))


def _from_timm(model: str, file: Path | None) -> Loaded:
    """A plain timm model, its weights from a file or from the Hub."""
    import timm

    stated = timm.get_pretrained_cfg(model) if timm.is_model(model.split(".")[0]) else None
    if stated is None:
        raise CheckpointError(f"timm knows no model {model}: see timm.list_pretrained() for its names.")
    if file is None:
        if not stated.hf_hub_id:
            raise CheckpointError(f"timm names no weights for {model} on the Hub: give a file as timm:{model}=FILE.")
        file = fetch(Repo(stated.hf_hub_id), (WEIGHTS_FILE,)) / WEIGHTS_FILE
    config = OtherConfig("timm", model, stated.input_size[-1], mean=_three(stated.mean), std=_three(stated.std))
    classifier = stated.classifier or ()
    state = read_tensors(file)
    try:
        layers = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        return Loaded(timm_model(config, state, layers), config, file_sha256(file))
    except CheckpointError as error:
        raise CheckpointError(f"{file.name}: {error}") from error


def _three(numbers: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = numbers
    return red, green, blue


def _from_folder(folder: Path) -> Loaded:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f"The folder {folder.name} has no {name}: it holds no saved model.")
    return _from_safetensors(folder / WEIGHTS_FILE, folder / CONFIG_FILE)


def _from_safetensors(weights_path: Path, config_path: Path) -> Loaded:
    config, contents = _read_config(config_path)
    network = _empty_network(config, contents)
    expected = network.inference_state_dict() if contents == "inference" else network.state_dict()
    state = _read_weights(weights_path, expected)
    if contents == "inference" and isinstance(network, MEAN):  # the temperature of the loss is no part of an embedding
        state["logit_scale"] = torch.tensor(math.log(1 / START_TEMPERATURE))
    network.load_state_dict(state, strict=True, assign=True)
    return Loaded(network, config, file_sha256(weights_path), _calibration(weights_path.with_name(CALIBRATION_FILE)))


def _read_config(path: Path) -> tuple[Config, Contents]:
    """The settings, and whether the weights beside them are all or those for inference."""
    settings = _read_json(path)
    if not isinstance(settings, dict):
        raise ConfigError(f"{path.name} is no JSON object: fetch it again.")
    foreign = settings.get("architectures") or settings.get("architecture") or settings.get("model_type")
    if foreign is not None:
        raise ConfigError(f"{path.name} describes another kind of model ({foreign}); this project reads its own.")
    contents = settings.pop("weights", None)
    if contents not in get_args(Contents):
        raise ConfigError(f"weights is {contents!r} in {path.name}; it must be 'inference' or 'full'.")
    try:
        if "method" in settings:
            return OtherConfig.from_dict(settings), contents
        return MeanConfig.from_dict(settings), contents
    except ConfigError as error:
        raise ConfigError(f"{path.name}: {error}") from error


def _calibration(path: Path) -> Any:
    return _read_json(path) if path.is_file() else None


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return json.loads(file.read(_MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is no readable JSON: fetch it again.") from error


def _empty_network(config: Config, contents: Contents) -> Network:
    """The network, of MEAN without memory for its weights, in eval mode."""
    if isinstance(config, OtherConfig):
        return build(config)
    with torch.device("meta"):
        network = MEAN.from_config(config)
    if contents == "inference":
        for branch in _BRANCHES:
            setattr(network, branch, AbsentBranch(branch))
    return network.eval()


def _read_weights(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, which must be exactly the expected ones, in the expected number type.

    The file is memory-mapped: tensors that are stored in the expected type are never copied.
    """
    try:
        with safe_open(path, framework="pt") as file:
            _require_names(path.name, set(file.keys()), set(expected))
            _require_shapes(path.name, {name: tuple(file.get_slice(name).get_shape()) for name in expected}, expected)
            state = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged or no safetensors file: fetch it again.") from error
    for name, value in state.items():
        if value.is_floating_point() != expected[name].is_floating_point() or value.is_complex():
            raise CheckpointError(f"{path.name} holds {name} as {value.dtype}: save the weights as floating point.")
        if not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path.name} holds values in {name} that are no numbers: its training has failed.")
        state[name] = value.to(expected[name].dtype)
    return state


def _require_names(file: str, found: set[str], expected: set[str]) -> None:
    faults = [
        f"{kind} {some(sorted(names), 5)}"
        for kind, names in (("it misses", expected - found), ("it holds the unknown", found - expected))
        if names
    ]
    if faults:
        raise CheckpointError(f"{file} does not fit its {CONFIG_FILE}: {'; '.join(faults)}.")


def _require_shapes(file: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, Tensor]) -> None:
    faults = [
        f"{name} is {shape} and not {tuple(expected[name].shape)}"
        for name, shape in sorted(found.items())
        if shape != tuple(expected[name].shape)
    ]
    if faults:
        raise CheckpointError(f"{file} does not fit its {CONFIG_FILE}: {some(faults, 5, '; ')}.")


# --- writing ---------------------------------------------------------------------------------------------------------


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    stored = value.detach().cpu()
    stored = (stored.to(dtype) if stored.is_floating_point() else stored).contiguous()
    if not bool(torch.isfinite(stored).all()):
        raise CheckpointError(
            f"{name} has values that are no finite numbers as {dtype}: "
            "save as torch.float32, or train again if that fails, too."
        )
    return stored
