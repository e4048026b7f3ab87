"""The program that a worker of `mean_model.photo_worker` runs: it reads photos for the program that started it."""

import os
import pickle
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from .errors import PhotoError
from .photo import Photo, read_here
from .photo_worker import KEPT_BYTES, MOST_BYTES, MOST_CPU_S, READY, Job


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Read photos until nobody asks any more."""
    _limit_memory()
    answers.write(READY)
    answers.flush()
    while True:
        try:
            job: Job = pickle.load(asked)
        except EOFError:
            return
        _limit_time()
        answer: Photo | Exception
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
        except Exception as error:  # a fault of this project: it is raised where the photo was asked for
            answer = RuntimeError(f"A worker failed: {error!r}")
        spent = _most_held() > KEPT_BYTES
        pickle.dump((answer, size, spent), answers, pickle.HIGHEST_PROTOCOL)
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
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
