"""What stands on command lines as well as in the code behind them. Cheap to import, which that code is not."""

from pathlib import Path

SAMPLE = Path(__file__).resolve().parent / "sample"
"""Folder of the bundled gallery."""

SHARES = (0.9, 0.95, 0.99)
"""Shares of the located answers that can be asked to be right."""

INDEX_KINDS = ("auto", "exact", "approximate")
"""Kinds of index by name; beside them "milvus:" with an address or the path of a file."""

EXACT_INDEX = {"kind": "exact"}
"""Facts of an exact index, and of a gallery that states none."""
