"""Files: their hash, and writing so that a reader never meets half of one."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the path, under a name with its ending, and rename when all of it is on the disk."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    try:
        write(Path(beside))
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(beside, 0o644)  # mkstemp keeps others from reading, which a server may need to
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def replace_text(path: Path, text: str) -> None:
    """The text as UTF-8 in place of what the path holds."""
    replace(path, lambda beside: beside.write_text(text, encoding="utf-8"))
