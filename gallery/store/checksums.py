"""Checksums by blocks: files are compared when a gallery is opened, large ones in part, the rest beside its answers.

CRC-32 finds every damage of up to 32 bits in a row and all but one in four billion of others, at 3 GB/s of one core
(zlib's, measured; SHA-256 with its instructions 1.3, BLAKE2b 0.7). It is no seal: whoever may write the files may write
their checksums.
"""

import hashlib
import json
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gallery.errors import DamagedGallery

BLOCK_BYTES = 1 << 20
"""Least bytes that one checksum stands for."""

MOST_BLOCKS = 4096
"""Most checksums of one file: its blocks are larger where it has more."""

AT_OPEN_BYTES = 256 << 20
"""Most bytes that are compared when a gallery is opened: a tenth of a second, from memory."""

UNSTATED_BYTES = 32 << 20
"""Most bytes of an older gallery's files, which state SHA-256 only, that are compared when it is opened."""

WAIT_S = 2.0
"""Longest wait of the first answer for the rest."""

SEAL = "checksum"
"""The entry of a document that the checksum of all its other entries stands in."""


def checksums_of(file: Path) -> dict[str, Any]:
    """Size and checksums of a file: SHA-256 of all of it, CRC-32 of each block."""
    size = file.stat().st_size
    block_bytes = BLOCK_BYTES
    while block_bytes * MOST_BLOCKS < size:
        block_bytes *= 2
    whole, parts = hashlib.sha256(), []
    with file.open("rb") as stream:
        while block := stream.read(block_bytes):
            whole.update(block)
            parts.append(zlib.crc32(block))
    return {"bytes": size, "sha256": whole.hexdigest(), "block_bytes": block_bytes, "crc32": parts}


def are_checksums(facts: Any) -> bool:
    """Whether a value is what `checksums_of` returns; an older one has no checksums by blocks."""
    if not isinstance(facts, dict) or type(facts.get("bytes")) is not int or type(facts.get("sha256")) is not str:
        return False
    if "crc32" not in facts:
        return True
    block_bytes, parts = facts.get("block_bytes"), facts["crc32"]
    if type(block_bytes) is not int or block_bytes < 1 or not isinstance(parts, list):
        return False
    return len(parts) == -(-facts["bytes"] // block_bytes) and all(type(part) is int for part in parts)


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document of JSON with the checksum of its entries as the last of them."""
    rest = {name: value for name, value in document.items() if name != SEAL}
    return {**rest, SEAL: zlib.crc32(json.dumps(rest, sort_keys=True).encode())}


def is_sealed(document: Mapping[str, Any]) -> bool:
    """Whether a document is as it was sealed; an older one has no seal."""
    return SEAL not in document or sealed(document)[SEAL] == document[SEAL]


class FileCheck:
    """Compares files with what `checksums_of` said of them: some at once, the rest in a thread of its own."""

    def __init__(self, folder: Path, facts: Mapping[str, Mapping[str, Any]], damaged: str) -> None:
        """Args: facts: by the files' names in the folder. damaged: what is said, with {name} for the file's name."""
        self._folder = folder
        self._facts = facts
        self._damaged = damaged
        self._waiting = _spread(facts)
        self._found: str | None = None
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._started = False

    def at_open(self, most_bytes: int = AT_OPEN_BYTES) -> None:
        """Compare some blocks: all of small files, of large ones both ends and blocks spread evenly between.

        Raises:
            DamagedGallery: one of them is damaged.
        """
        compared = 0
        while self._waiting and compared < most_bytes:
            name, at = self._waiting.pop(0)
            compared += self._facts[name]["block_bytes"]
            self._compare(name, at)
        stated = [(name, facts) for name, facts in self._facts.items() if "crc32" not in facts]
        if sum(facts["bytes"] for _, facts in stated) <= UNSTATED_BYTES:
            for name, facts in stated:
                if sha256(self._folder / name) != facts["sha256"]:
                    raise DamagedGallery(self._damaged.format(name=name))
        if not self._waiting:
            self._done.set()

    def require_sound(self, wait_s: float = WAIT_S) -> None:
        """Begin with the rest, once, and tell what has been found by now.

        Args: wait_s: seconds to wait for it the first time.

        Raises:
            DamagedGallery: a file is damaged.
        """
        with self._lock:
            begin, self._started = not self._started and not self._done.is_set(), True
        if begin:
            threading.Thread(target=self._compare_rest, name="gallery-check", daemon=True).start()
            self._done.wait(wait_s)
        if self._found is not None:
            raise DamagedGallery(self._found)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all is compared. Returns: whether it is."""
        return self._done.wait(timeout_s)

    def _compare_rest(self) -> None:
        try:
            for name, at in sorted(self._waiting):
                self._compare(name, at)
        except DamagedGallery as error:
            self._found = str(error)
        finally:
            self._done.set()

    def _compare(self, name: str, at: int) -> None:
        facts = self._facts[name]
        try:
            with (self._folder / name).open("rb") as stream:
                stream.seek(at * facts["block_bytes"])
                found = zlib.crc32(stream.read(facts["block_bytes"]))
        except OSError as error:
            raise DamagedGallery(self._damaged.format(name=name)) from error
        if found != facts["crc32"][at]:
            raise DamagedGallery(self._damaged.format(name=name))


def _spread(facts: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Blocks by file and number: both ends of each file first, then by halves, so that any beginning is spread out."""
    blocks = [(rank, name, at) for name, each in facts.items() for rank, at in _by_halves(len(each.get("crc32", ())))]
    return [(name, at) for _, name, at in sorted(blocks)]


def _by_halves(count: int) -> Iterator[tuple[float, int]]:
    """Numbers from 0 to count, each with how early it comes."""
    for at in range(count):
        ends = at in (0, count - 1)
        turned = int(f"{at:032b}"[::-1], 2) / (1 << 32)  # van der Corput: its lowest bit weighs most
        yield (-1.0 if ends else turned), at


def sha256(file: Path) -> str:
    """Checksum of a file, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


SAMPLES = 64
"""Parts of a raster that are compared."""

SAMPLE_BYTES = 1 << 16
"""Bytes of each."""


def raster_facts(file: Path) -> dict[str, Any]:
    """What tells that a raster was replaced or cut short: its size, its time, and a hash of parts spread over it."""
    facts = file.stat()
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as stream:
        for start in _samples(facts.st_size):
            stream.seek(start)
            digest.update(stream.read(SAMPLE_BYTES))
    return {"bytes": facts.st_size, "mtime_ns": facts.st_mtime_ns, "sampled": digest.hexdigest()}


def is_sampled_whole(size: int) -> bool:
    """Whether the samples of a file of that size are all of it."""
    return size <= SAMPLES * SAMPLE_BYTES


def _samples(size: int) -> Sequence[int]:
    """Where the samples of a file begin."""
    if is_sampled_whole(size):
        return range(0, size, SAMPLE_BYTES)
    return [round(at * (size - SAMPLE_BYTES) / (SAMPLES - 1)) for at in range(SAMPLES)]


def raster_changes(file: Path, noted: Mapping[str, Any]) -> Iterable[tuple[bool, str]]:
    """How a raster differs from what `raster_facts` said. Yields: whether that is damage, and a sentence."""
    if not file.is_file():
        return
    now = raster_facts(file)
    if now["bytes"] != noted.get("bytes"):
        what = "cut short" if now["bytes"] < int(noted.get("bytes") or 0) else "replaced"
        yield True, f"{file.name} was {what}: it has {now['bytes']:,} bytes, not those that the tiles were cut from"
    elif now["sampled"] != noted.get("sampled"):
        yield True, f"{file.name} was changed: it has not the bytes that the tiles were cut from"
    elif now["mtime_ns"] != noted.get("mtime_ns") and not is_sampled_whole(now["bytes"]):
        yield False, f"{file.name} was written or copied since; {SAMPLES} parts of it that were compared are the same"
