"""What a build has done so far: one SQLite file, a transaction for each batch, from which the build goes on.

Outcomes are numbered as the candidates are. Vectors are kept by the hash of the pixels, so that none is made twice, not
even when other settings start the outcomes anew; those that the old gallery holds are only pointed to.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gallery.errors import BuildError
from gallery.store.tile_table import ROW_SCHEMA, rows_of
from gallery.tiles import Tile

BLOCK_ROWS = 4096
"""Rows that are read at once when the gallery is put together."""

_TILE = tuple(name for name in ROW_SCHEMA.names if name not in ("id", "content"))

_TABLES = f"""
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contents (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, vector BLOB, old_row INTEGER
);
CREATE TABLE IF NOT EXISTS outcomes (number INTEGER PRIMARY KEY, id TEXT NOT NULL, reason TEXT, content INTEGER,
    {", ".join(_TILE)}
);
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate: a tile, or a reason why it is none."""

    id: str
    tile: Tile | None = None
    content: str = ""  # a hash of the pixels
    detail: float | None = None  # standard deviation of their luminance
    reason: str | None = None


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a gallery."""

    rows: pa.Table  # n rows of `ROW_SCHEMA`
    vectors: np.ndarray  # (n, D) float16


@contextmanager
def open_state(file: Path) -> Iterator["BuildState"]:
    """The state that a file holds; a new one where there is none. For one thread.

    Raises:
        BuildError: the file is damaged or cannot be written (also while the caller works).
    """
    connection = sqlite3.connect(file)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # no shared memory: works on network disks
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        yield BuildState(connection)
    except sqlite3.Error as error:
        raise BuildError(
            f"{file.name} of the unfinished build cannot be used ({error}). "
            f"Check the space on the disk, or delete the folder {file.parent.name}, and build again."
        ) from error
    finally:
        connection.close()


class BuildState:
    """What a build has done so far, in an open database (`open_state`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, fingerprint: str, precision: str, key: str, old_contents: Iterable[Sequence[str]]) -> None:
        """Make the state fit a build: outcomes of another key are forgotten, vectors of another model as well.

        Args:
            fingerprint, precision: of the embedder.
            key: changes with what changes the candidates or the old gallery.
            old_contents: hashes of the old gallery's tiles in the order of its rows, a part at a time.

        Raises:
            BuildError: this very build was begun in another precision.
        """
        wanted = {"fingerprint": fingerprint, "precision": precision, "key": key}
        with self._connection as database:
            facts = dict(database.execute("SELECT name, value FROM facts"))
            if facts == wanted:
                return
            if facts == {**wanted, "precision": facts.get("precision")}:
                raise BuildError(
                    f"The unfinished build computes in {facts['precision']}, the model at hand in {precision}. Go on "
                    "with --precision as it was begun, or delete the folder that ends in .building."
                )
            same_model = all(facts.get(name) == wanted[name] for name in ("fingerprint", "precision"))
            database.execute("DELETE FROM outcomes")
            database.execute("DELETE FROM contents WHERE vector IS NULL OR ?", [not same_model])
            first = 0
            for hashes in old_contents:
                rows = zip(hashes, range(first, first + len(hashes)), strict=True)
                database.executemany("INSERT OR IGNORE INTO contents (hash, old_row) VALUES (?, ?)", rows)
                first += len(hashes)
            database.executemany("REPLACE INTO facts VALUES (?, ?)", list(wanted.items()))

    def agreeing(self, ids: Iterable[str]) -> int:
        """How many candidates, from the first on, are the ones that were dealt with; what comes later is forgotten."""
        with closing(self._connection.execute("SELECT id FROM outcomes ORDER BY number")) as done:
            number = 0
            for known, tile_id in zip(done, ids, strict=False):
                if known[0] != tile_id:
                    break
                number += 1
        with self._connection as database:
            database.execute("DELETE FROM outcomes WHERE number >= ?", [number])
        return number

    def lacking(self, contents: Sequence[str]) -> list[str]:
        """Those of some contents, each once, in their order, that no vector is known of."""
        asked = list(dict.fromkeys(contents))
        query = f"SELECT hash FROM contents WHERE hash IN ({', '.join('?' * len(asked))})"
        known = {content for (content,) in self._connection.execute(query, asked)}
        return [content for content in asked if content not in known]

    def add(self, first: int, outcomes: Sequence[Outcome], vectors: Mapping[str, np.ndarray]) -> None:
        """Keep a batch: all of it, or nothing when the process dies.

        Args:
            first: number of its first candidate.
            vectors: (D,) float16 by content, of those that were lacking; one that is known already stays as it is.
        """
        with self._connection as database:
            added = [(content, vector.tobytes()) for content, vector in vectors.items()]
            database.executemany("INSERT OR IGNORE INTO contents (hash, vector) VALUES (?, ?)", added)
            tiles = {each.id: each for each in outcomes if each.tile is not None}
            rows = rows_of(
                [each.tile for each in tiles.values() if each.tile is not None],
                [each.content for each in tiles.values()],
                [each.detail for each in tiles.values()],
            )
            columns = dict(zip(tiles, rows.select(_TILE).to_pylist(), strict=True))
            database.executemany(
                f"INSERT INTO outcomes (number, id, reason, content, {', '.join(_TILE)}) "
                f"VALUES (?, ?, ?, (SELECT number FROM contents WHERE hash = ?), {', '.join('?' * len(_TILE))})",
                [
                    (number, each.id, each.reason, each.content, *columns.get(each.id, dict.fromkeys(_TILE)).values())
                    for number, each in enumerate(outcomes, start=first)
                ],
            )

    def tiles(self) -> int:
        """How many candidates became tiles."""
        return int(self._connection.execute("SELECT count(*) FROM outcomes WHERE reason IS NULL").fetchone()[0])

    def reasons(self) -> Counter[str]:
        """How many candidates became none, by reason."""
        query = "SELECT reason, count(*) FROM outcomes WHERE reason IS NOT NULL GROUP BY reason"
        return Counter(dict(self._connection.execute(query)))

    def blocks(self, dimension: int, old_vectors: np.ndarray) -> Iterator[Block]:
        """The tiles in the order of their candidates, with their vectors.

        Args:
            dimension: D.
            old_vectors: (N, D) float16 of the old gallery.
        """
        query = (
            f"SELECT outcomes.id, hash, {', '.join(_TILE)}, vector, old_row "
            "FROM outcomes JOIN contents ON contents.number = outcomes.content ORDER BY outcomes.number"
        )
        with closing(self._connection.execute(query)) as cursor:
            while found := cursor.fetchmany(BLOCK_ROWS):
                *columns, stored, old_rows = zip(*found, strict=True)
                named = dict(zip(("id", "content", *_TILE), columns, strict=True))
                arrays = [pa.array(named[field.name], field.type) for field in ROW_SCHEMA]
                vectors = np.empty((len(found), dimension), np.float16)
                for row, (vector, old_row) in enumerate(zip(stored, old_rows, strict=True)):
                    vectors[row] = np.frombuffer(vector, np.float16) if vector is not None else old_vectors[old_row]
                yield Block(pa.table(arrays, ROW_SCHEMA), vectors)
