"""A long run of mutated pictures against the reader of photos: `python -m tests.fuzz [--minutes N] [--seed S]`.

Every file is made by script from a small corpus, changed at random, and read as the page would read it, in this process
or a worker. A photo or a `PhotoError` is right; any other exception, more computing in this process than
`MOST_HERE_S`, or more memory than `MOST_GROWTH_BYTES` is a find: it is told, and the file is kept in `--keep`. The exit
status is 1 where something was found.
"""

import argparse
import io
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from mean_model.errors import PhotoError
from mean_model.photo import load_photo, read_metadata
from tests.helpers.bad_files import gps_exif, jpeg_bytes, picture
from tests.helpers.hostile_pictures import many_frames, many_scans, many_segments, packed_chunk, png_with

TARGET_PX = 600
MOST_HERE_S = 3.0
MOST_GROWTH_BYTES = 1_000_000_000


def corpus() -> dict[str, bytes]:
    """One small file of each kind that is read, by its name."""

    def saved(kind: str, **options) -> bytes:
        buffer = io.BytesIO()
        picture(96, 72).save(buffer, kind, **options)
        return buffer.getvalue()

    exif = gps_exif(7.5, 47.5)
    return {
        "plain.jpg": jpeg_bytes(picture(96, 72), exif=exif),
        "progressive.jpg": jpeg_bytes(picture(640, 480), progressive=True, exif=exif),
        "scans.jpg": many_scans(640, 480, 80),
        "segments.jpg": many_segments(200),
        "plain.png": saved("PNG", exif=exif),
        "profile.png": png_with(packed_chunk(b"iCCP", 5_000) + packed_chunk(b"zTXt", 5_000)),
        "plain.tif": saved("TIFF"),
        "lzw.tif": saved("TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved("TIFF", compression="jpeg"),
        "plain.webp": saved("WEBP", exif=exif),
        "frames.webp": many_frames("WEBP", 20),
        "frames.gif": many_frames("GIF", 20),
        "plain.bmp": saved("BMP"),
        "plain.avif": saved("AVIF"),
    }


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data with a few changes: bytes and numbers overwritten, parts cut, repeated or moved."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(changed) or 1), rng.choice((1, 2, 4, 16, 300))
        kind = rng.randrange(6)
        if kind == 0:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:  # the numbers that sizes and offsets go wrong by
            changed[at : at + length] = rng.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * length
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length] * rng.choice((1, 2, 1_000))
        elif kind == 4:
            there = rng.randrange(len(changed) or 1)
            changed[there : there + length] = changed[at : at + length]
        else:
            del changed[at:]
        changed = changed[:5_000_000] or bytearray(b"\0")
    return bytes(changed)


def held_bytes() -> int:
    """Memory that this process holds now; 0 where that is not known."""
    try:
        match = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return 0 if match is None else 1024 * int(match[1])


def tried(data: bytes, read: Callable[[bytes], object]) -> tuple[str, str]:
    """What came of a file. Returns: "read", "refused", or the kind of find; and what was said."""
    begun = time.thread_time()
    try:
        read(data)
        said = ("read", "")
    except PhotoError as error:
        said = ("refused", str(error))
    except Exception as error:  # whatever else comes is what is looked for
        return "exception", repr(error)
    took_s = time.thread_time() - begun
    return ("slow", f"{took_s:.1f} s") if took_s > MOST_HERE_S else said


def run(minutes: float, seed: int, keep: Path) -> Counter[str]:
    """Read mutated files until the time is over. Returns: how many ended how."""
    rng, ends = random.Random(seed), time.monotonic() + 60 * minutes
    files, outcomes, begun_bytes = list(corpus().items()), Counter[str](), held_bytes()
    readers: tuple[Callable[[bytes], object], ...] = (lambda data: load_photo(data, TARGET_PX), read_metadata)
    with tqdm(unit=" files", disable=None) as bar:
        while time.monotonic() < ends:
            name, data = rng.choice(files)
            data = mutated(data, rng)
            for read in readers:
                outcome, said = tried(data, read)
                outcomes[outcome] += 1
                if outcome not in ("read", "refused"):
                    kept = keep / f"{outcome}-{sum(outcomes.values())}-{name}"
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_bytes(data)
                    bar.write(f"{kept}: {said}")
            bar.update()
            if held_bytes() - begun_bytes > MOST_GROWTH_BYTES:
                outcomes["memory"] += 1
                break
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run. Returns: 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0, help="the same seed tries the same files in the same order")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="folder of the files that were found")
    given = parser.parse_args(arguments)
    outcomes = run(given.minutes, given.seed, given.keep)
    sys.stdout.write(", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common()) + "\n")
    return int(bool(outcomes.keys() - {"read", "refused"}))


if __name__ == "__main__":
    sys.exit(main())
