"""Where weights are named: what can be refused before anything is imported that takes seconds."""

import os
from pathlib import Path

from .errors import CheckpointError
from .hub import Repo

BUNDLED = ("starter", "real-ground")
"""Names of the weights that come with the project: folders of `mean_model/weights`."""
TIMM = "timm:"
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def repo_of(source: str | os.PathLike[str]) -> Repo | None:
    """The Hub's repository that a source names; None for a file or folder, for bundled weights and for timm.

    Raises:
        CheckpointError: it is none of all that.
    """
    if isinstance(source, str) and (source in BUNDLED or source.startswith(TIMM)):
        return None
    path = Path(source).expanduser()
    if os.path.isdir(path) or os.path.isfile(path):  # not Path.is_dir, which raises for a name that is too long
        return None
    repo = Repo.parse(source) if isinstance(source, str) and path.suffix not in WEIGHTS_SUFFIXES else None
    if repo is None:
        raise CheckpointError(
            f"There are no weights {path.name}: give a folder, a .safetensors or .pth file, timm:NAME, a Hub id like "
            f"user/name, {' or '.join(BUNDLED)}."
        )
    return repo
