"""How a gallery names the files that lie around it, so that both may be moved together."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def noted_path(path: Path, home: Path) -> str:
    """A path as it is noted in a folder's files: relative to the folder, absolute only across drives."""
    try:
        return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def written_path(path: Path, home: Path) -> str:
    """A path relative to a folder as both are written, links not followed."""
    return Path(os.path.relpath(os.path.normpath(path), os.path.normpath(home))).as_posix()


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path stays in a folder as it is written: files in the Hub's cache are links that lead out of it."""
    return Path(os.path.normpath(path)).is_relative_to(os.path.normpath(folder))


def printable(name: str) -> str:
    """A name of a file as one printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there complete or not at all.

    Args: write: writes to the path that it is given, beside the file and with its ending.
    """
    unfinished = file.with_name(f"unfinished-{file.name}")
    unfinished.unlink(missing_ok=True)
    try:
        write(unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def linked(file: Path, target: Path) -> Path:
    """A second name for a file; a copy on file systems without links. What had that name before is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(file, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(file, target, follow_symlinks=False)
    return target
