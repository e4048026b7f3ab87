"""Photos that are read in a process of their own, which is ended when it takes too long or too much memory.

Decoders of C cannot be interrupted, and what they held stays with the process that asked. So photos that may be costly
are decoded by workers: a few programs that start when the first such photo comes, stay warm, and are killed at a limit.
They import no torch. Where a system has no limits on resources (Windows), the time on the clock alone ends them; where
no program can be started, the photo is read in the process that asks.
"""

import atexit
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from PIL import Image

from .errors import PhotoError

if TYPE_CHECKING:
    from .photo import Photo

MOST_CPU_S = 12
"""Seconds of computing that a photo may take; 119 megapixels of any kind take up to four."""
MOST_WAITING_S = 60
"""Seconds on the clock, for a machine that is busy or a decoder that sleeps."""
MOST_BYTES = 1_200_000_000
"""Memory that a worker may hold beside its program."""
KEPT_BYTES = 400_000_000
"""A worker that ever held more than this ends after its answer, and its memory with it."""
MOST_WORKERS = 4

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
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=settings,
                start_new_session=True,  # Ctrl-C is for the program that asks; the end of its pipe ends this one
            )
        except (OSError, ValueError) as error:  # ValueError: no sys.executable
            raise NoWorker from error
        self.spent = False

    def read(self, job: Job) -> "Photo":
        """Read a photo. Afterwards, look at `spent`: whether the worker is to be put away.

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
            if ended == _NOT_STARTED:
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
        if isinstance(answer, PhotoError):
            raise answer
        return answer

    def _exchange(self, job: Job) -> "tuple[Photo | PhotoError, bool]":
        sending, receiving = self._process.stdin, self._process.stdout
        assert sending is not None and receiving is not None
        _send(sending, job)
        answer: Photo | PhotoError
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


_NOT_STARTED = 97
"""Exit status of a worker that lacks what it needs."""


class Pool:
    """The workers of this process: the next photo waits while all of them read."""

    def __init__(self, most: int | None = None) -> None:
        """Nothing is started yet. Args: most: workers at once; None: one for each core, up to `MOST_WORKERS`."""
        self._most = most or max(1, min(MOST_WORKERS, os.cpu_count() or 1))
        self._idle: list[Worker] = []
        self._places = threading.BoundedSemaphore(self._most)
        self._lock = threading.Lock()

    def read(self, job: Job) -> "Photo":
        """Read a photo in the next worker that is free.

        Raises:
            PhotoError, NoWorker: as `Worker.read`.
        """
        with self._places:
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


def read_apart(data: bytes, name: str, target_px: int | None) -> "Photo":
    """Read a photo in a worker.

    Args: as of `mean_model.photo.load_photo`, with the bytes of the file.

    Raises:
        PhotoError: it cannot be read, or not within the limits.
        NoWorker: no program can be started here.
    """
    return _shared.pool().read(Job(data, name, target_px))


def _send(stream: IO[bytes], value: Any) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


# --- what runs in the worker -----------------------------------------------------------------------------------------


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Read photos until nobody asks any more."""
    from .photo import read_here

    _limit_memory()
    while True:
        try:
            job: Job = pickle.load(asked)
        except EOFError:
            return
        _limit_time()
        answer: Photo | PhotoError
        pixels, size = b"", None
        try:
            photo = read_here(job.data, job.name, job.target_px)
            size, pixels = photo.image.size, photo.image.tobytes()
            object.__setattr__(photo, "image", None)  # its pixels come as they are
            answer = photo
        except PhotoError as error:
            answer = PhotoError(str(error))
        except MemoryError:  # beside decoding, where it is told already
            answer = PhotoError(f"{job.name} needs too much memory to decode: save it smaller.")
        spent = _most_held() > KEPT_BYTES
        _send(answers, (answer, size, spent))
        answers.write(pixels)
        answers.flush()
        if spent:
            return


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError, AttributeError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def _limit_time() -> None:
    """Give this process so many seconds of computing from now on."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + MOST_CPU_S + 1, resource.RLIM_INFINITY))


def _most_held() -> int:
    """Bytes of memory that this program ever held; 0 where that is not known.

    Not `getrusage`, which on Linux counts what the program that started this one held.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return 0 if match is None else 1024 * int(match[1])


def main() -> None:
    """Serve the program that started this one."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    try:
        import mean_model.photo  # noqa: F401 (before the first photo comes)
    except ImportError:
        sys.exit(_NOT_STARTED)
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
