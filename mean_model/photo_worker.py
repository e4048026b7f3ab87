"""Photos that are read in a process of their own, which is ended when it takes too long or too much memory.

Decoders of C cannot be interrupted, and what they held stays with the process that asked. So photos that may be costly
are decoded by workers: a few programs that start when the first such photo comes, stay warm, and are killed at a limit.
They import no torch. Where a system has no limits on resources (Windows), the time on the clock alone ends them; where
no program can be started, the photo is read in the process that asks.
"""

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from .errors import PhotoError

MOST_CPU_S = 12
"""Seconds of computing that a photo may take; 119 megapixels of any kind take up to four."""
MOST_WAITING_S = 60
"""Seconds on the clock, for a machine that is busy or a decoder that sleeps."""
MOST_BYTES = 900_000_000
"""Memory that a worker may hold beside its program."""
LARGE_PX = 30_000_000
"""Photos of more pixels are read one at a time: two of them never hold their memory together."""
KEPT_BYTES = 400_000_000
"""A worker that ever held more than this ends after its answer, and its memory with it."""
MOST_WORKERS = 4

PROGRAM = "mean_model.photo_worker_program"
READY = b"\1"
"""What a worker says first."""

_TOO_LONG = "takes too long to decode: save it again, for example as JPEG"
_FELL = "is damaged: copy it again, or save it again as JPEG"


@dataclass(frozen=True)
class Job:
    """A photo's file. Attributes: target_px: as of `mean_model.photo.load_photo`."""

    data: bytes
    name: str
    target_px: int | None


class NoWorker(Exception):
    """No program can be started here."""


class Worker:
    """One process that reads photos, one after the other."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            NoWorker: nothing can be started.
        """
        root = str(Path(__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # One thread each: what OpenBLAS would start is memory for nothing.
        settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=settings,
                start_new_session=True,  # Ctrl-C is for the program that asks; the end of its pipe ends this one
            )
        except (OSError, ValueError) as error:  # ValueError: no sys.executable
            raise NoWorker from error
        self.spent = False
        self._ready = False

    def read(self, job: Job) -> Any:
        """Read a photo, as a `mean_model.photo.Photo`. Afterwards, `spent` says whether the worker is to be put away.

        Raises:
            PhotoError: it cannot be read, or not within the limits.
            NoWorker: the worker never worked.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(MOST_WAITING_S, stop)
        timer.start()
        try:
            answer, self.spent = self._exchange(job)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:  # ValueError: too few pixels
            self.spent = True
            ended = self._end()
            if not (self._ready or late.is_set()):
                raise NoWorker from error
            slow = late.is_set() or ended == -getattr(signal, "SIGXCPU", 0)
            raise PhotoError(f"{job.name} {_TOO_LONG if slow else _FELL}.") from error
        except BaseException:  # interrupted: the answer would be that of the next photo
            self.spent = True
            raise
        finally:
            timer.cancel()
            if self.spent:
                self._end()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _exchange(self, job: Job) -> tuple[Any, bool]:
        sending, receiving = self._process.stdin, self._process.stdout
        assert sending is not None and receiving is not None
        if not self._ready and receiving.read(1) != READY:
            raise EOFError
        self._ready = True
        pickle.dump(job, sending, pickle.HIGHEST_PROTOCOL)
        sending.flush()
        answer, size, spent = pickle.load(receiving)
        if size is not None:
            pixels = receiving.read(3 * size[0] * size[1])
            object.__setattr__(answer, "image", Image.frombytes("RGB", size, pixels))
        return answer, spent

    def _end(self) -> int:
        """Kill it. Returns: how it had ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # it may be ending by itself, and its reason counts
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        return self._process.wait()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._end()


class Pool:
    """The workers of this process: the next photo waits while all of them read."""

    def __init__(self, most: int | None = None) -> None:
        """Nothing is started yet. Args: most: workers at once; None: one for each core, up to `MOST_WORKERS`."""
        self._most = most or max(1, min(MOST_WORKERS, os.cpu_count() or 1))
        self._idle: list[Worker] = []
        self._places = threading.BoundedSemaphore(self._most)
        self._large = threading.Lock()
        self._lock = threading.Lock()

    def read(self, job: Job, pixels: int = 0) -> Any:
        """Read a photo in the next worker that is free, as a `mean_model.photo.Photo`.

        Args: pixels: that it has, as far as that is known.

        Raises:
            PhotoError, NoWorker: as `Worker.read`.
        """
        with self._large if pixels > LARGE_PX else nullcontext(), self._places:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            worker = worker or Worker()
            try:
                return worker.read(job)
            finally:
                if not worker.spent:
                    with self._lock:
                        self._idle.append(worker)

    def close(self) -> None:
        """End the workers that are idle."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.close()


class _Shared:
    """The pool of this process, made when it is first asked for; a forked child makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._owner = 0

    def pool(self) -> Pool:
        if self._owner != os.getpid():
            self._lock = threading.Lock()  # a fork may have copied it while it was held
        with self._lock:
            if self._pool is None or self._owner != os.getpid():
                self._pool, self._owner = Pool(), os.getpid()
                atexit.register(self._pool.close)
            return self._pool


_shared = _Shared()


def read_apart(data: bytes, name: str, target_px: int | None, pixels: int) -> Any:
    """Read a photo in a worker.

    Args:
        data, name, target_px: as of `mean_model.photo.load_photo`, with the bytes of the file.
        pixels: that it has.

    Returns: a `mean_model.photo.Photo`.

    Raises:
        PhotoError: it cannot be read, or not within the limits.
        NoWorker: no program can be started here.
    """
    return _shared.pool().read(Job(data, name, target_px), pixels)
