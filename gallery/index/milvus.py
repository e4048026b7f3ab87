"""Search by Milvus, an engine for vectors: a file through milvus-lite, or a cluster by its address, by the same calls.

A collection holds one gallery's vectors with the places of their tiles, and is named by what it holds. A prior area is
searched as a box of longitudes and latitudes in the engine; what of it is allowed is known here. What the engine finds
is scored again by the gallery's own vectors, so that answers equal those of the other indexes.
"""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from gallery.errors import BuildError, DamagedGallery, IndexServerError
from gallery.index.exact import TIES_MARGIN, are_few, best_first, nothing, scores_of, search_rows
from gallery.paths import noted_path

TOKEN = "MILVUS_TOKEN"
"""The environment variable with the cluster's token, or user:password."""

TIMEOUT_S = 10.0
"""Seconds that one call may take before the server counts as gone."""

BATCH = 1000
"""Rows that are sent at once: 6 MB of float32 at most, below what a server takes."""

MOST_FOUND = 16_384
"""Most rows that Milvus gives at once."""


class MilvusIndex:
    """Neighbours by inner product, found by Milvus and scored exactly; a `VectorIndex`.

    Args:
        client: connected to `uri`.
        collection: its name there.
        vectors: (N, D) float16 of the gallery, mapped.
        places: gives (N, 2) longitudes and latitudes of the tiles' centres, when a filter needs them.
    """

    def __init__(
        self, client: Any, uri: str, collection: str, vectors: np.ndarray, places: Callable[[], np.ndarray]
    ) -> None:
        self._client = client
        self._uri = uri
        self._collection = collection
        self._vectors = vectors
        self._read_places = places

    @classmethod
    def open(
        cls, folder: Path, vectors: np.ndarray, facts: Mapping[str, Any], places: Callable[[], np.ndarray]
    ) -> "MilvusIndex":
        """Connect to what `write` filled.

        Args: folder: the gallery's, from which a file is found; facts: what `write` returned.

        Raises:
            IndexServerError: nothing answers there, or it lacks the collection.
            DamagedGallery: the gallery does not say where it is.
        """
        uri, collection = facts.get("uri"), facts.get("collection")
        if not (isinstance(uri, str) and isinstance(collection, str)):
            raise DamagedGallery("The gallery does not say which Milvus holds its vectors. Build it again.")
        place = uri if is_address(uri) else str(folder / uri)
        if not is_address(uri) and not Path(place).exists():
            raise IndexServerError(
                f"{Path(uri).name}, which holds the gallery's vectors, is not there. Build it again."
            )
        client = connect(place)
        with _our_errors(place):
            held = _count(client, collection) if client.has_collection(collection) else 0
        if held != len(vectors):
            client.close()
            raise IndexServerError(f"{_name(uri)} holds {held} of the gallery's {len(vectors)} tiles. Build it again.")
        return cls(client, place, collection, vectors, places)

    @staticmethod
    def write(folder: Path, uri: str, vectors: np.ndarray, places: np.ndarray) -> dict[str, Any]:
        """Fill a collection with a gallery's vectors; one that is half full is filled up, a full one is left.

        Args:
            folder: the gallery's, or beside it.
            uri: an address, or the path of a file, from the folder on.
            vectors: (N, D) float16 unit rows.
            places: (N, 2) longitudes and latitudes.

        Returns: where they are, for `open`; no secret.

        Raises:
            IndexServerError: nothing answers there, or it does not take the rows.
        """
        noted = uri if is_address(uri) else noted_path(folder / uri, folder)
        uri = uri if is_address(uri) else str(folder / uri)
        collection = f"tiles_{_content(vectors, places)}"
        client = connect(uri)
        try:
            with _our_errors(uri):
                if not client.has_collection(collection):
                    _create(client, collection, vectors.shape[1])
                begun = min(_count(client, collection), len(vectors)) // BATCH * BATCH
                for start in range(begun, len(vectors), BATCH):
                    send = client.upsert if start == begun else client.insert  # of the first, some may be there
                    send(collection, _rows(vectors, places, start), timeout=TIMEOUT_S)
                held = _count(client, collection)
                if held != len(vectors):
                    client.drop_collection(collection)
        finally:
            client.close()
        if held != len(vectors):
            raise IndexServerError(f"{_name(uri)} held {held} rows after {len(vectors)} were sent. Build again.")
        return {"uri": noted, "collection": collection}

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        return int(self._vectors.shape[1])

    @cached_property
    def _places(self) -> np.ndarray:
        return self._read_places()

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Search as `VectorIndex.search` does.

        Raises:
            IndexServerError: the server does not answer any more.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        permitted = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        wanted = min(k, len(permitted))
        if wanted == 0:
            return nothing(len(queries))
        few = are_few(len(permitted), k, filtered=allowed is not None)
        where = "" if allowed is None or few else box_filter(self._places[permitted])
        fetched = wanted + TIES_MARGIN
        while not few and fetched <= MOST_FOUND:
            rows = self._found(queries, fetched, where)
            exhausted = bool((rows < 0).any())
            if allowed is not None:
                rows[~allowed[rows]] = -1
            if (np.count_nonzero(rows >= 0, axis=1) >= wanted).all():
                return best_first(scores_of(self._vectors, rows, queries), rows, wanted)
            if exhausted:
                break
            fetched *= 2
        return search_rows(self._vectors, permitted, queries, wanted)

    def _found(self, queries: np.ndarray, count: int, where: str) -> np.ndarray:
        """The rows that the engine gives. Returns: (Q, count) int64, -1 where it gives fewer."""
        with _our_errors(self._uri):
            answers = self._client.search(
                self._collection,
                data=list(queries),
                limit=count,
                filter=where,
                output_fields=["row"],
                timeout=TIMEOUT_S,
            )
        rows = np.full((len(queries), count), -1, np.int64)
        for own, hits in zip(rows, answers, strict=True):
            own[: len(hits)] = [hit["row"] for hit in hits]
        return rows


def box_filter(places: np.ndarray) -> str:
    """The smallest box around places as a condition of Milvus. Args: (N, 2) degrees, N > 0."""
    lons, lats = places.T
    south, north = float(lats.min()), float(lats.max())
    west, east, either = float(lons.min()), float(lons.max()), "and"
    if east - west > 180:  # rather across the antimeridian
        west, east, either = float(lons[lons >= 0].min()), float(lons[lons < 0].max()), "or"
    return f"(lon >= {west!r} {either} lon <= {east!r}) and lat >= {south!r} and lat <= {north!r}"


def check_uri(uri: str) -> None:
    """Refuse what cannot be an address, or does not answer, before anything is built.

    Raises:
        BuildError: it is none, holds a secret, or pymilvus is not installed.
        IndexServerError: nothing answers there.
    """
    if importlib.util.find_spec("pymilvus") is None:
        raise BuildError("--index milvus needs pymilvus: pip install -r requirements-cluster.txt")
    if not is_address(uri):
        if not uri.endswith(".db") or not Path(uri).parent.is_dir():
            raise BuildError(f"milvus:{uri} is neither http://HOST:PORT nor a .db file in a folder that exists.")
    elif "@" in urlsplit(uri).netloc:
        raise BuildError(f"Give the secret for {_name(uri)} in the environment variable {TOKEN}, not in the address.")
    connect(uri).close()


def is_address(uri: str) -> bool:
    """Whether this is a server's address, else the path of a file."""
    return uri.startswith(("http://", "https://", "tcp://"))


def connect(uri: str) -> Any:
    """A client of Milvus.

    Raises:
        IndexServerError: nothing answers there, or pymilvus is not installed.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is raised, and need not stand on stderr too
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise IndexServerError("This gallery needs pymilvus: pip install -r requirements-cluster.txt") from error
    for name in ("pymilvus", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    uri = uri if is_address(uri) else str(Path(uri).resolve())  # milvus-lite knows an open file by this alone
    with _our_errors(uri):
        return MilvusClient(uri, token=os.environ.get(TOKEN, "") if is_address(uri) else "", timeout=TIMEOUT_S)


@contextmanager
def _our_errors(uri: str) -> Iterator[None]:
    """Raise errors of Milvus as ours."""
    from pymilvus import MilvusException

    try:
        yield
    except MilvusException as error:
        reason = " ".join(str(error.message).split())
        advice = "Start it" if is_address(uri) else "Close other programs that have it open"
        raise IndexServerError(
            f"{_name(uri)} does not answer ({reason}). {advice}, or build the gallery again with --index auto."
        ) from error


def _name(uri: str) -> str:
    """Host and port, or the file's name: no secret and no path."""
    return f"Milvus at {urlsplit(uri).netloc.rpartition('@')[2]}" if is_address(uri) else Path(uri).name


def _create(client: Any, collection: str, dimension: int) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("lon", DataType.DOUBLE)
    schema.add_field("lat", DataType.DOUBLE)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    index = client.prepare_index_params()
    index.add_index(field_name="vector", index_type="AUTOINDEX", metric_type="IP")
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong")


def _rows(vectors: np.ndarray, places: np.ndarray, start: int) -> list[dict[str, Any]]:
    block = np.asarray(vectors[start : start + BATCH], np.float32)
    return [
        {"row": start + number, "lon": float(lon), "lat": float(lat), "vector": vector}
        for number, (vector, (lon, lat)) in enumerate(zip(block, places[start : start + BATCH], strict=True))
    ]


def _count(client: Any, collection: str) -> int:
    client.load_collection(collection)
    return int(client.query(collection, filter="", output_fields=["count(*)"])[0]["count(*)"])


def _content(vectors: np.ndarray, places: np.ndarray) -> str:
    """The name of what a collection holds: a hash of its rows."""
    digest = hashlib.blake2b(repr(vectors.shape).encode(), digest_size=8)
    for start in range(0, len(vectors), BATCH):
        digest.update(vectors[start : start + BATCH].tobytes())
        digest.update(places[start : start + BATCH].tobytes())
    return digest.hexdigest()
