"""Answers that are the same for every visitor, made once: those to the bundled examples."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class KnownPhotos:
    """Photos that belong to the page, told by their bytes. A visitor's own photo is never among them."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._digests: dict[int, set[str]] | None = None  # by size; read when first asked

    def name_of(self, source: object) -> tuple[str, str] | None:
        """File name and digest of one of these photos, whatever path it came by; None for everything else."""
        if not isinstance(source, str | Path) or not Path(source).is_file():
            return None
        if self._digests is None:
            found: dict[int, set[str]] = {}
            for file in filter(Path.is_file, self._files):
                found.setdefault(file.stat().st_size, set()).add(_digest(file))
            self._digests = found
        path = Path(source)
        among = self._digests.get(path.stat().st_size)
        if not among:
            return None
        digest = _digest(path)
        return (path.name, digest) if digest in among else None


class Remembered(Generic[T]):
    """Results by what they were asked with. Who asks for one that is being made waits for it."""

    def __init__(self, most: int = 64) -> None:
        """Args: most: that are kept; the one asked for longest ago goes first."""
        self._most = most
        self._results: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of that key, made by this call where there is none; what `make` raises is not kept."""
        with self._lock:
            result = self._results.get(key)
            mine = result is None
            if result is None:
                result = self._results[key] = Future()
            self._results.move_to_end(key)
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        if mine:
            try:
                result.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._results.pop(key, None)
                result.set_exception(error)
        return result.result()


def _digest(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes()).hexdigest()
