"""A gallery's folder replaced at once: everything is written beside it, in DIR.building, and renamed at the end.

At every moment `Gallery.open` finds the old gallery or the new one, also when the process is killed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gallery.build.packing import IMAGERY
from gallery.build.sources import MOSAICS
from gallery.errors import BuildError
from gallery.paths import linked
from gallery.store.manifest import DATA_FILES, FILES, MANIFEST, aside

KEY = "build.key"
"""The file in DIR.building that says which build is whole there."""

OWN_FOLDERS = (MOSAICS, IMAGERY)
"""Folders of a gallery that builds write: what DIR.building has in them counts, not what the old gallery has."""


@contextmanager
def locked(home: Path) -> Iterator[Path]:
    """Keep other builds of a gallery out, and make good what a killed one left; the system frees a dead one's lock.

    Yields: DIR.building, which may hold what an earlier build left.

    Raises:
        BuildError: another build is at work, `home` is a file, or holds files like a gallery's but is none; or the
            disk refuses (also while the caller works).
    """
    file = aside(home, "lock")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file, timeout=0):
            try:
                _recover(home)
                _check_place(home)
                yield aside(home, "building")
            finally:
                file.unlink(missing_ok=True)
    except Timeout as error:
        if not file.exists():
            raise BuildError(
                f"Beside {home.name} nothing can be written, or another build ended just now. Check the rights of the "
                "folder, then build again."
            ) from error
        raise BuildError(f"Another build is writing {home.name}. Wait for it, or stop it.") from error
    except OSError as error:
        what = f" ({Path(error.filename).name})" if isinstance(error.filename, str) else ""
        raise BuildError(
            f"The build cannot go on: {error.strerror or error}{what}. Check space and rights, then build again."
        ) from error


def _recover(home: Path) -> None:
    """Undo an exchange that was stopped between its two renames, so that the old gallery's other files stay."""
    if not home.exists() and (aside(home, "previous") / MANIFEST).is_file():
        aside(home, "previous").rename(home)
    if home.is_dir():
        (home / KEY).unlink(missing_ok=True)


def _check_place(home: Path) -> None:
    """Refuse to write over what is no gallery."""
    if home.exists() and not home.is_dir():
        raise BuildError(f"{home.name} is a file. Name a folder for the gallery.")
    if home.is_dir() and not (home / MANIFEST).is_file():
        foreign = [name for name in DATA_FILES if (home / name).exists()]
        if foreign:
            raise BuildError(f"{home.absolute().name} has a {foreign[0]} but no {MANIFEST}. Name another folder.")


def is_whole(workplace: Path, key: str) -> bool:
    """Whether an earlier run of this build was stopped when only the exchange was left to do."""
    try:
        return (workplace / MANIFEST).is_file() and (workplace / KEY).read_text() == key
    except OSError:
        return False


def swap_in(workplace: Path, home: Path) -> None:
    """Make the finished folder the gallery; what else lies in the old one's folder stays."""
    previous = aside(home, "previous")
    if previous.exists() and (home / MANIFEST).is_file():
        shutil.rmtree(previous)  # an exchange was stopped after its second rename
    if home.is_dir() and not (home / MANIFEST).is_file() and any(home.iterdir()):
        _move_into(workplace, home)
        return
    if (home / MANIFEST).is_file():
        _keep_other_files(home, workplace)
        home.rename(previous)
    elif home.is_dir():
        home.rmdir()
    workplace.rename(home)
    (home / KEY).unlink(missing_ok=True)
    shutil.rmtree(previous, ignore_errors=True)


def _move_into(workplace: Path, home: Path) -> None:
    """Move a finished gallery into a folder of other things: no gallery to protect, its files stay."""
    for name in OWN_FOLDERS:
        if (workplace / name).is_dir():
            shutil.copytree(workplace / name, home / name, dirs_exist_ok=True, copy_function=os.replace)
    for name in (*DATA_FILES, MANIFEST):
        if (workplace / name).exists():
            (workplace / name).replace(home / name)
    shutil.rmtree(workplace)


def _keep_other_files(home: Path, workplace: Path) -> None:
    """Link what else lies in the old gallery's folder (the raster, a read-me) into the new one."""
    for root, folders, names in os.walk(home):
        below = Path(root).relative_to(home)
        beside = workplace / below
        for folder in folders:
            if Path(root, folder).is_symlink():
                names.append(folder)
            else:
                (beside / folder).mkdir(exist_ok=True)
        for name in names:
            if Path(root) == home and name in (*FILES, KEY):
                continue
            if below.parts[:1] and below.parts[0] in OWN_FOLDERS and (beside / name).exists():
                continue
            linked(Path(root, name), beside / name)
