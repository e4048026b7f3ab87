"""Turn a file that MEAN's authors published into a model folder: `python -m train_scripts.convert_published FILE OUT`.

Nothing in the file is run. Every tensor is accounted for by name, and the folder is read again and has to give the
embeddings that the file gives. Files of other methods need no conversion: give them to --model as they are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from gallery.arguments import USER_MISTAKE, Parser
from mean_model.atomic_files import file_sha256
from mean_model.checkpoint import load_network, save_model
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError, MeanModelError
from mean_model.network import MEAN
from mean_model.other_methods.recognise import recognised
from mean_model.published import DROPPED, RENAMED, convert, is_published
from mean_model.tensors import read_tensors

LEAST_COSINE = 0.9999  # of an embedding and the same one from weights in half precision
DATASETS = {701: "University-1652", 120: "SUES-200"}


def convert_file(file: Path, out: Path, half: bool = False) -> float:
    """Convert a published file, and compare what both give for two pictures of noise.

    Args:
        out: the model folder; made if missing.
        half: keep the backbone alone, in half precision; otherwise all that training needs, bit by bit.

    Returns:
        The smallest cosine of the two embeddings, 1.0 when they are equal bit by bit.

    Raises:
        CheckpointError: the file is no published MEAN, or the folder gives other embeddings.
    """
    state = read_tensors(file)
    other = recognised(state)
    if other is not None and not is_published(state):
        raise CheckpointError(f"{file.name} is of {other.name} and needs no conversion: give it to --model as it is.")
    try:
        config, tensors = convert(state)
    except CheckpointError as error:
        raise CheckpointError(f"{file.name}: {error}") from error
    with torch.device("meta"):
        network = MEAN.from_config(config)
    network.load_state_dict(tensors, strict=True, assign=True)
    network.eval()
    if half:
        save_model(out, network, config, _card(file, config))
    else:
        save_model(out, network, config, _card(file, config), weights="full", dtype=torch.float32)
    cosine = _agreement(network, load_network(out)[1])
    if cosine < (LEAST_COSINE if half else 1.0):
        raise CheckpointError(
            f"{out.name} gives other embeddings than {file.name} (cosine {cosine:.6f}): do not use it."
        )
    return cosine


@torch.inference_mode()
def _agreement(first: MEAN, second: MEAN) -> float:
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    ours, theirs = first(images), second(images)
    return 1.0 if torch.equal(ours, theirs) else float((ours * theirs).sum(1).min())


def _card(file: Path, config: MeanConfig) -> str:
    data = DATASETS.get(config.classes, f"a dataset of {config.classes} places")
    return (
        "# MEAN, weights published by its authors\n\n"
        f"Converted from `{file.name}`, SHA-256 `{file_sha256(file)}`. The authors' code and licence are at "
        "<https://github.com/ISChenawei/MEAN>.\n\n"
        f"## Data\n\nBy the number of its classes ({config.classes}): {data}.\n\n"
        "## Recipe\n\nThat of the paper (Chen, Yang and Rong, 2024).\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert and compare. Returns: the exit status."""
    parser = Parser("python -m train_scripts.convert_published", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="weights as the authors' code saved them (.pth)")
    parser.add_argument("out", type=Path, metavar="OUT", help="the model folder to write")
    parser.add_argument("--half", action="store_true", help="the backbone alone in half precision, a third of the size")
    options = parser.parse_args(arguments)
    try:
        cosine = convert_file(options.file, options.out, options.half)
    except MeanModelError as error:
        sys.stderr.write(f"convert_published: {error}\n")
        return USER_MISTAKE
    told = "equal bit by bit" if cosine == 1.0 else f"equal to a cosine of {cosine:.6f}"
    left_out = "".join(f"\n  {name}: {reason}" for name, reason in DROPPED.items())
    sys.stdout.write(
        f"{len(RENAMED) + len(DROPPED)} tensors: {len(RENAMED)} kept, {len(DROPPED)} left out{left_out}\n"
        f"{options.out}: embeddings {told}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
