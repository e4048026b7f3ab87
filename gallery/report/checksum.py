"""A checksum of a whole Parquet file within the file itself: among the metadata of its footer, counted as zeros."""

import zlib
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

KEY = "file_crc32"
EMPTY = "0" * 8
MARK = KEY.encode() + b"\x18\x08"
"""What stands before the value in the footer: Thrift's compact protocol, a string of eight bytes."""

PIECE_BYTES = 1 << 22


def write_checked(path: Path, table: pa.Table, rows_at_once: int) -> None:
    """Write a table with its checksum. Args: rows_at_once: of a group of rows."""
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        writer.write_table(table, rows_at_once)
        writer.add_key_value_metadata({KEY: EMPTY})
    at = _place(path)
    assert at is not None
    with path.open("rb+") as file:
        checksum = _checksum(path, at)
        file.seek(at)
        file.write(checksum)


def is_intact(path: Path) -> bool:
    """Whether a file is as it was written; an older one has no checksum, and is what it is.

    Raises:
        OSError: it cannot be read.
    """
    facts = path.stat()
    return _is_intact(path, (facts.st_ino, facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=64)
def _is_intact(path: Path, state: tuple[int, int, int]) -> bool:
    at = _place(path)
    if at is None:
        return True
    with path.open("rb") as file:
        file.seek(at)
        return file.read(len(EMPTY)) == _checksum(path, at)


def _place(path: Path) -> int | None:
    """Where in a file its checksum begins; None where it has none."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 12:
            return None
        file.seek(size - 8)
        length = int.from_bytes(file.read(4), "little")
        begin = max(0, size - 8 - length)
        file.seek(begin)
        found = file.read().rfind(MARK)
    return None if found < 0 else begin + found + len(MARK)


def _checksum(path: Path, at: int) -> bytes:
    """CRC-32 of a file, eight hexadecimal digits at a place counted as zeros."""
    with path.open("rb") as file:
        value = zlib.crc32(file.read(at))
        value = zlib.crc32(EMPTY.encode(), value)
        file.seek(len(EMPTY), 1)
        while piece := file.read(PIECE_BYTES):
            value = zlib.crc32(piece, value)
    return f"{value:08x}".encode()
