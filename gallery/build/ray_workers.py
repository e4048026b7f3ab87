"""A build's batches read and embedded by the workers of a Ray cluster; state and gallery stay with the one that asks.

Every machine of the cluster needs this project, the imagery and the weights under the same paths: a shared disk.
"""

import logging
import os
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from gallery.build.batches import Embedded, KnownTiles, Task, embedded, read_batch
from gallery.build.candidates import Candidate, Source
from gallery.embedder import Embedder, read_photo
from gallery.errors import BuildError, GalleryError

STAGE = 1024
"""Batches that wait in the cluster's memory at once, whatever the area."""

LOCAL = "local"
"""The address of a cluster that is this machine alone, for as long as the build takes."""


@dataclass(frozen=True)
class RayWorkers:
    """Reads and embeds batches on a cluster: `gallery.build.batches.Workers`. Work that dies is done again elsewhere.

    Attributes:
        load: makes the embedder, in each worker; can be pickled.
        address: of the cluster, as `ray.init` takes it, or "local".
    """

    load: Callable[[], Embedder]
    address: str = LOCAL

    def __call__(
        self, batches: Iterable[list[Task]], made_by: tuple[str, str], least_detail: float, known: KnownTiles
    ) -> Generator[Embedded]:
        """Read and embed batches. Raises: BuildError: no cluster answers, or a worker has other weights."""
        waiting = iter(batches)
        with _connected(self.address) as ray:
            pool = _pool(ray)
            while stage := list(islice(waiting, STAGE)):
                sources = {id(source): source for tasks in stage for source, _ in tasks}  # sent once, not by batch
                numbers = {own: number for number, own in enumerate(sources)}
                rows = [
                    {"tasks": pickle.dumps([(numbers[id(source)], candidate) for source, candidate in tasks])}
                    for tasks in stage
                ]
                worker = (self.load, made_by, least_detail, known, [*sources.values()], os.getcwd())
                asked = ray.data.from_items(rows, override_num_blocks=len(rows))
                answered = iter(asked.map(_Worker, fn_constructor_args=worker, **pool).iter_rows())
                with closing(answered):  # frees the workers, also when nobody wants the rest
                    for row in answered:
                        result = pickle.loads(row["result"])
                        if isinstance(result, GalleryError):
                            raise result
                        yield result


class _Worker:
    """What each process of the cluster holds. Its errors are results: Ray would try again what cannot succeed."""

    def __init__(
        self,
        load: Callable[[], Embedder],
        made_by: tuple[str, str],
        least_detail: float,
        known: KnownTiles,
        sources: Sequence[Source],
        folder: str,
    ) -> None:
        os.chdir(folder)  # sources may be relative paths
        self._load, self._made_by, self._sources = load, made_by, sources
        self._least_detail, self._known = least_detail, known
        self._embedder: Embedder | None = None

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        try:
            result: Embedded | GalleryError = self._embedded(pickle.loads(row["tasks"]))
        except GalleryError as error:
            result = error
        return {"result": pickle.dumps(result)}

    def _embedded(self, numbered: Sequence[tuple[int, Candidate]]) -> Embedded:
        if self._embedder is None:
            self._embedder = self._load()
            own, wanted = (self._embedder.fingerprint, self._embedder.precision), self._made_by
            if own[0] != wanted[0]:
                raise BuildError(
                    f"A worker of the cluster has the weights {own[0]}, not {wanted[0]}: give all of its machines the "
                    "same files."
                )
            if own != wanted:
                raise BuildError(f"A worker of the cluster computes in {own[1]}, not in {wanted[1]}: load all alike.")
        tasks = [(self._sources[number], candidate) for number, candidate in numbered]
        batch = read_batch(tasks, partial(read_photo, self._embedder), self._least_detail, self._known)
        return embedded(batch, list(batch.pictures), self._embedder)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; a connection that stood before is used, and stays."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BuildError("Ray is not installed. Run: pip install -r requirements-cluster.txt") from error
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    own = not ray.is_initialized()
    try:
        if own:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise BuildError(f"No Ray cluster answers at {address}. Check the address, and that it runs.") from error
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        yield ray
    finally:
        if own:
            ray.shutdown()


def _pool(ray: Any) -> dict[str, Any]:
    """One worker for each GPU of the cluster, or, where it has none, for each core."""
    resources = ray.cluster_resources()
    kind = "GPU" if resources.get("GPU") else "CPU"
    size = max(1, int(resources.get(kind, 1)))
    workers = ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size)
    return {"compute": workers, f"num_{kind.lower()}s": 1}
