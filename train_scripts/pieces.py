"""A file as pieces that can travel one by one: `python -m train_scripts.pieces split FILE` and `join FILE`.

`split` writes FILE.000, FILE.001, … and FILE.pieces, which says how long each piece is and its SHA-256; it leaves
FILE alone. `join` makes FILE of what lies beside FILE.pieces, only if every piece is whole.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import partial
from pathlib import Path

from mean_model.atomic_files import replace, replace_text
from mean_model.errors import CheckpointError
from train_scripts.arguments import program

PIECE_MIB = 15.0
LIST = ".pieces"


def split(file: Path, piece_mib: float = PIECE_MIB) -> list[Path]:
    """Write the pieces and their list beside a file; pieces of an earlier, longer one go.

    Args:
        piece_mib: MiB of a piece at most, above 0.

    Returns:
        The pieces in their order, and the list last.

    Raises:
        CheckpointError: the file cannot be read.
    """
    size = max(1, int(piece_mib * 2**20))
    pieces: list[Path] = []
    entries: list[dict[str, object]] = []
    try:
        with file.open("rb") as whole:
            while data := whole.read(size):
                piece = file.with_name(f"{file.name}.{len(pieces):03d}")
                replace(piece, partial(Path.write_bytes, data=data))
                pieces.append(piece)
                entries.append({"name": piece.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    except OSError as error:
        raise CheckpointError(f"{file.name} could not be cut into pieces: {error.strerror}.") from error
    listed = list_of(file)
    replace_text(listed, json.dumps(entries, indent=1))
    for old in file.parent.glob(f"{file.name}.[0-9][0-9][0-9]"):
        if old not in pieces:
            old.unlink()
    return [*pieces, listed]


def join(file: Path) -> Path:
    """Make a file of its pieces.

    Raises:
        CheckpointError: there is no list, or a piece is missing or damaged.
    """
    try:
        entries = json.loads(list_of(file).read_text(encoding="utf-8"))
        parts = [(str(entry["name"]), int(entry["bytes"]), str(entry["sha256"])) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"There is no list {list_of(file).name} that can be read: split the file again."
        ) from error

    def write(beside: Path) -> None:
        with beside.open("wb") as whole:
            for name, size, digest in parts:
                piece = file.with_name(Path(name).name)
                data = piece.read_bytes() if piece.is_file() else b""
                if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
                    raise CheckpointError(f"The piece {piece.name} is missing or damaged: bring it again.")
                whole.write(data)

    replace(file, write)
    return file


def list_of(file: Path) -> Path:
    """Where the list of a file's pieces lies."""
    return file.with_name(file.name + LIST)


def main(argv: list[str] | None = None) -> None:
    """Split a file, or join it."""
    parser = program("pieces", __doc__)
    parser.add_argument("way", choices=("split", "join"))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--mib", type=float, default=PIECE_MIB, help=f"of a piece at most (default {PIECE_MIB:g})")
    options = parser.parse_args(argv)
    if not options.mib > 0:
        parser.error("--mib must be above 0.")
    try:
        made = split(options.file, options.mib) if options.way == "split" else [join(options.file)]
    except CheckpointError as error:
        parser.error(str(error))
    sys.stdout.writelines(f"{file.name}\n" for file in made)


if __name__ == "__main__":
    main()
