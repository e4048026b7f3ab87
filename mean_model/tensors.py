"""Tensors from files of strangers: read without running anything in them, and checked before a network takes them."""

import logging
import os
import pickle
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .errors import CheckpointError

_log = logging.getLogger(__name__)

_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    ArithmeticError,
    AssertionError,  # its reader of the old format checks the file by assert
    MemoryError,
)
"""What torch.load raises for a file that is damaged, hostile or something else; it documents none of them."""


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The plain state dict in a .safetensors file, or in what torch.save wrote.

    The `module.` that DataParallel puts before each name is taken off.

    Raises:
        CheckpointError: the file is missing, or is no plain state dict of dense tensors of real numbers.
    """
    name = Path(path).name
    if not Path(path).is_file():
        raise CheckpointError(f"There is no file {name}; check the path of the published weights.")
    try:
        if name.endswith(".safetensors"):
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, *_UNREADABLE) as error:
        _log.debug("%s was refused", name, exc_info=error)
        raise CheckpointError(
            f"{name} cannot be read safely as a plain state dict of tensors; save `model.state_dict()` with torch.save."
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f"{name} holds more or other than named tensors; save `model.state_dict()` alone with torch.save."
        )
    return without_parallel_prefix(state)


def without_parallel_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the `module.` of DataParallel."""
    parallel = all(name.startswith("module.") for name in state)
    return {name.removeprefix("module.") if parallel else name: value for name, value in state.items()}


def require_names(found: Collection[str], expected: Collection[str], what: str) -> None:
    """Refuse names that are unknown or missing: all of them, by name. Args: what: begins the sentence."""
    unknown = some(sorted(set(found) - set(expected)))
    missing = ", ".join(sorted(set(expected) - set(found)))
    faults = [f"{kind} {names}" for kind, names in (("unknown", unknown), ("missing", missing)) if names]
    if faults:
        raise CheckpointError(f"{what}: {'; '.join(faults)}.")


def require_dense(state: Mapping[str, Tensor]) -> None:
    """Refuse what is called a tensor but holds no plain array of real numbers: sparse, complex, quantised or empty."""
    faults = [
        name
        for name, value in state.items()
        if value.layout is not torch.strided or value.is_meta or value.is_complex() or value.is_quantized
    ]
    if faults:
        raise CheckpointError(f"Tensors that are no plain arrays of numbers: {', '.join(faults)}.")


def renamed(
    state: Mapping[str, Tensor],
    names: Mapping[str, str],
    expected: Mapping[str, Tensor],
    whose: str = "the published ones",
) -> dict[str, Tensor]:
    """The tensors under their new names, in the type that the network has them.

    Args:
        state: by old name.
        names: old name -> new name; what it does not hold is left out.
        expected: the network's state dict; only its shapes and types count.

    Raises:
        CheckpointError: tensors of another shape, or that hold values which are no numbers, by their old names.
    """
    faults = [
        f"{old} is {tuple(state[old].shape)}, expected {tuple(expected[new].shape)}"
        for old, new in names.items()
        if state[old].shape != expected[new].shape
    ]
    if faults:
        raise CheckpointError(f"Tensors of another shape than the published ones: {'; '.join(faults)}.")
    converted = {new: state[old].to(expected[new].dtype) for old, new in names.items()}
    faults = [old for old, new in names.items() if not bool(torch.isfinite(converted[new]).all())]
    if faults:
        raise CheckpointError(f"Tensors that hold values which are no finite numbers: {', '.join(faults)}.")
    return converted


def some(names: Sequence[str], most: int = 50, separator: str = ", ") -> str:
    """The names, cut short where a file of something else brings hundreds."""
    return separator.join(names if len(names) <= most else [*names[:most], f"and {len(names) - most} more"])
