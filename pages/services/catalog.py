"""The galleries that the pages answer from: those the app was started with, and, for a while, visitors' own."""

import secrets
import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pages.errors import BadQuestion
from pages.services.engine import Engine
from pages.services.flight import FlightService
from pages.services.locate import LocateService


@dataclass(frozen=True)
class CatalogEntry:
    """One gallery and what answers from it."""

    key: str  # names it in pages and to the web API; of a visitor's own, nobody can guess it
    title: str  # for readers
    folder: Path
    service: LocateService
    flights: FlightService
    temp_folder: Path | None = None  # of a visitor's own: the folder around it, which goes with it

    @property
    def own(self) -> bool:
        """Whether it is a visitor's, for nobody else."""
        return self.temp_folder is not None


class GalleryCatalog:
    """All galleries, the first one for whoever has not chosen."""

    def __init__(self, entries: Sequence[CatalogEntry]) -> None:
        """Args: entries: what the app was started with, at least one."""
        self.first = entries[0]
        self.secret = secrets.token_hex(8)
        """Keeps what browsers remember of this server from other ones."""
        self._entries = {entry.key: entry for entry in entries}
        self._lock = threading.Lock()

    @property
    def public(self) -> tuple[CatalogEntry, ...]:
        """What everybody may choose."""
        with self._lock:
            return tuple(entry for entry in self._entries.values() if not entry.own)

    @property
    def own_count(self) -> int:
        """How many galleries of visitors are kept."""
        with self._lock:
            return sum(entry.own for entry in self._entries.values())

    def offered(self) -> list[Path]:
        """The example photos of all galleries that everybody may choose."""
        return [path for entry in self.public for path in entry.service.offered]

    def get(self, key: object) -> CatalogEntry:
        """The gallery of that key, or the first one; the key may be anything that a browser sends."""
        with self._lock:
            return self._entries.get(key, self.first) if isinstance(key, str) else self.first

    def of_engine(self, engine: Engine) -> CatalogEntry | None:
        """The gallery that an engine answers from; None where it is not kept any more."""
        with self._lock:
            return next((entry for entry in self._entries.values() if entry.service.engine is engine), None)

    def named(self, key: str | None) -> CatalogEntry:
        """Find a gallery as `get` does, for a question that may name one.

        Raises:
            BadQuestion: there is none of that name.
        """
        entry = self.get(key)
        if key and entry.key != key:
            names = ", ".join(each.key for each in self.public)
            raise BadQuestion(f"There is no gallery of that name. These can be asked: {names}.")
        return entry

    def choices_for(self, own: Iterable[object]) -> list[CatalogEntry]:
        """What a visitor may choose. Args: own: keys of own galleries, as the visitor's browser keeps them."""
        found = (self.get(key) for key in own)
        return [*self.public, *dict.fromkeys(entry for entry in found if entry.own)]

    def put(self, entry: CatalogEntry, for_s: float) -> None:
        """Keep a visitor's own gallery for some seconds; then its folder goes, too."""
        with self._lock:
            self._entries[entry.key] = entry
        timer = threading.Timer(for_s, self.drop, [entry.key])
        timer.daemon = True
        timer.start()

    def drop(self, key: str) -> None:
        """Forget a visitor's own gallery and remove its folder; nothing where there is none."""
        with self._lock:
            temp_folder = self._entries[key].temp_folder if key in self._entries else None
            if temp_folder is None:
                return
            del self._entries[key]
        shutil.rmtree(temp_folder, ignore_errors=True)


def keys_of(folders: Sequence[Path]) -> list[str]:
    """A key for each gallery's folder: its name, with a number behind it where another one has that name."""
    keys: list[str] = []
    for folder in folders:
        name, number = folder.absolute().name or "gallery", 1
        while (key := name if number == 1 else f"{name}-{number}") in keys:
            number += 1
        keys.append(key)
    return keys
