"""What a network costs, by the paper and honestly: `python -m train_scripts.cost [--model SOURCE] [key=value …]`.

Without a model, the network of the paper is counted; that of another method at its own input size, mirror image
included where an embedding takes one. Multiply-adds are counted by torch's own counter: convolutions and matrix
products, no norms and activations.

The paper's GFLOPs are multiply-adds of a pair of photos through the backbone; its parameters are all tensors of a
published checkpoint, with an ImageNet classifier that is never called. Honest are the parameters that an embedding
depends on, and two operations a multiply-add for one photo. Each holds a factor of two, so the GFLOPs agree in number,
not in meaning.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mean_model.config import MeanConfig
from mean_model.errors import ConfigError, MeanModelError
from train_scripts.arguments import program

if TYPE_CHECKING:
    from mean_model.embedder import Config

PHOTOS_IN_A_PAIR = 2


@dataclass(frozen=True)
class Cost:
    """Counts of one network at its own image size."""

    inference_parameters: int  # that an embedding depends on
    training_parameters: int  # with PEE, GEE, CEA and the temperature
    published_parameters: int  # with the ImageNet classifier that published checkpoints carry
    inference_macs: int  # multiply-adds that embed one photo
    training_macs: int  # multiply-adds of one photo's forward pass in training
    dimension: int  # numbers in an embedding

    @property
    def paper_params_m(self) -> float:
        """Millions, as Tables I and III to VI count."""
        return self.published_parameters / 1e6

    @property
    def paper_gflops(self) -> float:
        """Thousand millions of multiply-adds for a drone photo and a tile, as Tables I and III to VI count."""
        return PHOTOS_IN_A_PAIR * self.inference_macs / 1e9

    @property
    def params_m(self) -> float:
        """Millions that run for an embedding."""
        return self.inference_parameters / 1e6

    @property
    def gflops(self) -> float:
        """Thousand millions of operations for one photo, a multiply-add being two."""
        return 2 * self.inference_macs / 1e9

    def to_dict(self) -> dict[str, Any]:
        """Counts and both conventions, ready for JSON; `params_m` and `gflops` as the paper's tables count."""
        return {
            "params_m": self.paper_params_m,
            "gflops": self.paper_gflops,
            "inference_params_m": self.params_m,
            "gflops_per_photo": self.gflops,
            "counts": asdict(self),
        }


@cache
def cost(config: Config) -> Cost:
    """Count a network. Of another method, only what an embedding needs is here, and counts for all.

    Raises:
        ConfigError: the config describes no network.
    """
    import torch

    from mean_model.network import MEAN

    if not isinstance(config, MeanConfig):
        from mean_model.other_methods.networks import build

        other = build(config)
        count = sum(parameter.numel() for parameter in other.parameters())
        empty = torch.empty(1, 3, config.image_size, config.image_size, device=next(other.parameters()).device)
        adds = _multiply_adds(lambda: other(empty))
        return Cost(count, count, count, adds, adds, other.dimension)
    with torch.device("meta"):
        network = MEAN.from_config(config).eval()
        photo = torch.empty(1, 3, config.image_size, config.image_size)
    counts = network.parameter_counts()
    return Cost(
        counts.inference,
        counts.training,
        counts.published,
        _multiply_adds(lambda: network(photo)),
        _multiply_adds(lambda: network.forward_training(photo)),
        network.dimension,
    )


def read_config(source: str | None, settings: Iterable[str]) -> Config:
    """The config of a model, or the default one, with settings `key=value` laid over it.

    Args:
        source: what `mean_model.load_model` takes; None for the default config.

    Raises:
        MeanModelError: the model cannot be read, or a setting does not fit.
    """
    config: Config = MeanConfig()
    if source is not None:
        from mean_model import load_model

        with load_model(source, device="cpu", precision="float32") as embedder:
            config = embedder.config
    changed: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"{setting!r} is no key=value, such as backbone=convnext_base.")
        changed[key] = _value(text)
    if not changed:
        return config
    if not isinstance(config, MeanConfig):
        raise ConfigError(f"Settings change a MEAN and no network of {config.method}: leave {next(iter(changed))} out.")
    return MeanConfig.from_dict({**config.to_dict(), **changed})


def render(config: Config, counted: Cost) -> str:
    """The counts of one network, a line for each convention; that of training for a MEAN alone."""
    mean = isinstance(config, MeanConfig)
    what = f"{config.classes} classes" if isinstance(config, MeanConfig) else config.method
    classifier = "with an unused ImageNet classifier; " if mean else ""
    lines = [
        f"{config.backbone}, {config.image_size} px, {what}, embeddings of {counted.dimension} numbers",
        f"as the paper counts    {counted.paper_params_m:7.2f} M parameters   {counted.paper_gflops:7.2f} GFLOPs   "
        f"({classifier}multiply-adds of a pair of photos)",
        f"what a photo costs     {counted.params_m:7.2f} M parameters   {counted.gflops:7.2f} GFLOP    "
        f"(what runs; two operations a multiply-add, {counted.inference_macs / 1e9:.2f} G multiply-adds)",
    ]
    if mean:
        lines.append(
            f"a photo in training    {counted.training_parameters / 1e6:7.2f} M parameters   "
            f"{2 * counted.training_macs / 1e9:7.2f} GFLOP    (forward pass with all branches)"
        )
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Count, and print it."""
    parser = program("cost", __doc__)
    parser.add_argument("settings", nargs="*", metavar="key=value", help="such as backbone=convnext_base")
    parser.add_argument(
        "--model", metavar="SOURCE", help="a folder, file, timm:NAME[=FILE], Hub id, 'starter' or 'real-ground'"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    try:
        config = read_config(options.model, options.settings)
        counted = cost(config)
    except MeanModelError as error:
        parser.error(str(error))
    if options.json:
        json.dump({"config": config.to_dict(), **counted.to_dict()}, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    sys.stdout.write(render(config, counted))


def _multiply_adds(run: Callable[[], Any]) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() // 2


def _value(text: str) -> Any:
    """A number, true or false where JSON reads one; text else."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


if __name__ == "__main__":
    main()
