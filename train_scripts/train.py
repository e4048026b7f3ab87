"""Trains MEAN: `python -m train_scripts.train CONFIG.toml [key=value ...]`.

A config with `dataset = "KIND:PATH"` trains on photographed places, as the paper does
(`train_scripts.training.places`); on many GPUs with `torchrun --nproc-per-node N -m train_scripts.train CONFIG.toml`.
One with `worlds = "FOLDER"` trains on simulated pairs of packed worlds, one with `worlds = "gallery:DIR"` on those of
a gallery's own imagery, without any label, both by the clock (`train_scripts.training.worlds`). Either goes on from
its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from gallery.errors import GalleryError
from mean_model.errors import ConfigError, MeanModelError
from mean_model.malloc import keep_freed_memory
from train_scripts.errors import DatasetError
from train_scripts.training import places, worlds
from train_scripts.training.config_file import build, read_settings
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.worlds_config import WorldsConfig

log = logging.getLogger("train")

STOPPED = 130
"""Exit status of a run that was asked to end before its time."""


def read_config(file: Path, overrides: Sequence[str] = ()) -> WorldsConfig | PlacesConfig:
    """A TOML file with `key=value` overrides on top (`section.key=value` within a section).

    Returns: what to do with places photographed (`dataset = "KIND:PATH"`), or in the simulator (`worlds = "FOLDER"` or
    `"gallery:DIR"`).

    Raises:
        ConfigError: an unknown key, or a value of the wrong type.
    """
    settings = read_settings(file, overrides)
    if "dataset" in settings:
        if "worlds" in settings:
            raise ConfigError(f"{file.name} sets both dataset and worlds: keep the one to train with.")
        return build(PlacesConfig, settings)
    return build(WorldsConfig, settings)


def start(parser: argparse.ArgumentParser, argv: Sequence[str] | None, run: Callable[..., None]) -> None:
    """Prepare the machine, read the config and run; a user's mistake is one line, and asking to end is none.

    Args:
        parser: with the options that the run takes beside the config.
        run: from the config and the parsed options.
    """
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    options = parser.parse_intermixed_args(argv)
    keep_freed_memory()  # a CPU otherwise spends half of its time on page faults
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # denormal gradients slow a CPU down many times
    try:
        run(read_config(options.config, options.overrides), options)
    except places.Stopped as stopped:
        log.info("%s", stopped)
        raise SystemExit(STOPPED) from None
    except (MeanModelError, DatasetError, GalleryError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")  # one line: how to call it is not what went wrong
    finally:
        torch.set_flush_denormal(False)  # for whatever else this process does


def run(config: WorldsConfig | PlacesConfig, _: argparse.Namespace) -> None:
    """Train with what the config names."""
    if isinstance(config, PlacesConfig):
        places.run_config(config)
    else:
        worlds.run_config(config)


def main(argv: list[str] | None = None) -> None:
    """Train as a config says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    start(parser, argv, run)


if __name__ == "__main__":
    main()
