"""One folder for all that a running server writes for its visitors; it goes with the server, however that ends.

Each server has a folder of its own in `mean-locator-USER` of the system's temporary folder, and holds a lock beside it
as long as it lives. What a killed server left is known by a lock that nobody holds, and removed by the next server that
starts, or by one that runs; what lies there for longer than promised is removed while the server runs.
"""

import contextlib
import getpass
import logging
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""Seconds between two looks for what is too old."""

START_S = 20.0
"""Longest wait for another server that starts now."""

OTHERS_LIVE_S = 6 * 3600.0
"""Seconds that what is no upload is kept: longer than a visitor's gallery, which is removed in time by itself."""

UPLOADS, OTHERS = "uploads", "other"
"""The folders of a server: uploads and downloads (Gradio's), and everything else that asks for a temporary file."""


@contextmanager
def temp_root(parent: Path | None = None) -> Iterator[Path]:
    """A folder for this server, which every part of the process uses for temporary files until the block ends.

    To be entered before Gradio is imported, which looks for its folder once.

    Args: parent: None: GRADIO_TEMP_DIR, or the system's temporary folder.

    Yields: the folder, readable by this user only.
    """
    before = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR", "TMPDIR")}
    base = _base(parent or Path(before["GRADIO_TEMP_DIR"] or tempfile.gettempdir()))
    with FileLock(base / "start.lock", timeout=START_S):
        remove_dead(base)
        root = base / secrets.token_hex(8)
        lock = FileLock(_lock_of(root), timeout=0)
        lock.acquire()
    try:
        for name in (UPLOADS, OTHERS):
            (root / name).mkdir(parents=True)
        os.environ.update(GRADIO_TEMP_DIR=str(root / UPLOADS), TMPDIR=str(root / OTHERS))
        tempfile.tempdir = None  # read again from TMPDIR
        yield root
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        shutil.rmtree(root, ignore_errors=True)
        lock.release()
        _lock_of(root).unlink(missing_ok=True)


def _lock_of(root: Path) -> Path:
    return root.with_name(f"{root.name}.lock")


def _base(parent: Path) -> Path:
    """The folder of all servers of this user; one of a fresh name where somebody else has taken that one."""
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    base = parent / f"mean-locator-{user}"
    with contextlib.suppress(FileExistsError):
        base.mkdir(mode=0o700, parents=True)
    found = base.lstat()
    own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if stat.S_ISDIR(found.st_mode) and own:
        return base
    log.warning("%s is not this user's alone: what a killed server left in it is not removed.", base)
    return Path(tempfile.mkdtemp(prefix="mean-locator-", dir=parent))


def remove_dead(base: Path) -> None:
    """Remove the folders of servers that do not run any more. Call it with the lock on starting."""
    names = {path.name.removesuffix(".lock") for path in base.iterdir()} - {"start"}
    for root in (base / name for name in names):
        try:
            with FileLock(_lock_of(root), timeout=0):
                shutil.rmtree(root, ignore_errors=True)
            _lock_of(root).unlink(missing_ok=True)
        except (Timeout, OSError):  # it runs
            continue


def remove_old(folder: Path, older_than_s: float, kept: Set[str] = frozenset()) -> None:
    """Remove the files of a folder that came to be longer ago, and folders that are empty since then.

    Args: kept: paths of files that stay.
    """
    oldest = time.time() - older_than_s
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.is_file():
                if path.lstat().st_ctime < oldest and str(path) not in kept:  # a copy has its original's st_mtime
                    path.unlink()
            elif path.lstat().st_ctime < oldest:
                path.rmdir()  # refused while something is in it


class Sweeper:
    """Looks from time to time for what is too old in a server's folder, and for what dead servers left."""

    def __init__(self, root: Path, live_s: float, kept: Callable[[], Set[str]] = frozenset) -> None:
        """Args: live_s: how long uploads and downloads are kept. kept: gives the paths of those that stay."""
        self._root = root
        self._live_s = live_s
        self._kept = kept
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def __enter__(self) -> "Sweeper":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Remove what is too old now."""
        remove_old(self._root / UPLOADS, self._live_s, self._kept())
        remove_old(self._root / OTHERS, OTHERS_LIVE_S)
        base = self._root.parent
        with contextlib.suppress(Timeout, OSError), FileLock(base / "start.lock", timeout=0):
            remove_dead(base)

    def _run(self) -> None:
        while not self._ended.wait(min(LOOK_S, self._live_s)):
            self.look()
