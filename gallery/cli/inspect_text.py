"""What `python -m gallery inspect` says: the figures, what explains the errors, and the worst queries."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from gallery.export import clean
from gallery.intervals import Estimate
from gallery.report.comparison import Comparison
from gallery.report.confusions import confused_pairs
from gallery.report.filters import Filter, select, sorted_rows
from gallery.report.flags import causes
from gallery.report.summary import SLICES, Figures, by_slice, figures
from gallery.report.table import Inspection

MOST_SLICES = 8
MOST_PAIRS = 5

SHOWN = (
    "id", "place", "condition", "altitude_m", "rank", "score", "margin", "error_m", "top_tile", "true_tile", "flags",
    "change", "rank_change", "margin_change",
)  # fmt: skip
"""Columns that are printed of a query."""


def worst(table: pd.DataFrame, *, wrong: bool, sort: str, count: int) -> pd.DataFrame:
    """The rows to print, worst first: lowest margin, score or confidence, but highest rank or metres."""
    chosen = select(table, Filter(wrong=wrong))
    return sorted_rows(chosen, sort, descending=sort in ("rank", "metres", "rank_change")).head(count)


def document(inspection: Inspection, rows: pd.DataFrame, comparison: Comparison | None = None) -> dict[str, Any]:
    """All figures as JSON has them."""
    table = inspection.table
    found = causes(table)
    result = {
        "report": inspection.name,
        "notes": list(inspection.notes),
        "figures": _figures(figures(table)),
        "slices": {key: by_slice(table, key).to_dict("records") for key in SLICES},
        "causes": {**asdict(found), "unexplained": found.unexplained, "sentence": found.sentence},
        "confused": confused_pairs(table, MOST_PAIRS).to_dict("records"),
        "queries": list(_records(rows)),
    }
    if comparison is not None:
        result["comparison"] = {
            "counts": dict(comparison.counts),
            "p_value": comparison.p_value,
            "before": _figures(comparison.before),
            "after": _figures(comparison.after),
            "only_before": list(comparison.only_before),
            "only_after": list(comparison.only_after),
            "sentence": comparison.sentence,
            "notes": list(comparison.notes),
        }
    return {name: _plain(value) for name, value in result.items()}


def text(inspection: Inspection, rows: pd.DataFrame, comparison: Comparison | None = None) -> str:
    """All figures in words."""
    table = inspection.table
    lines = [f"{inspection.name}: {_line(figures(table))}", *inspection.notes]
    for key in SLICES:
        slices = by_slice(table, key)
        if len(slices) > 1:
            lines += ["", f"By {key}:" if len(slices) <= MOST_SLICES else f"By {key}, the lowest {MOST_SLICES}:"]
            lines += [
                f"  {row['slice']:<16} {row['count']:>6,}  R@1 {row['r1']:6.2f} % ({row['r1_low']:.1f} to "
                f"{row['r1_high']:.1f}){_unless_nan('  median {:,.0f} m', row['median_m'])}"
                for row in slices.head(MOST_SLICES).to_dict("records")
            ]
    lines += ["", causes(table).sentence]
    pairs = confused_pairs(table, MOST_PAIRS)
    if len(pairs):
        named = (f"{row.true_place} for {row.answered_place} ({row.count_})" for row in _tuples(pairs))
        lines.append(f"Most confused: {', '.join(named)}.")
    if comparison is not None:
        lines += ["", comparison.sentence, f"before: {_line(comparison.before)}", f"after:  {_line(comparison.after)}"]
        lines += comparison.notes
    if len(rows):
        lines += ["", *_table(list(_records(rows)))]
    return "\n".join(clean(line) for line in lines) + "\n"


def _tuples(pairs: pd.DataFrame) -> Iterator[Any]:
    yield from pairs.rename(columns={"count": "count_"}).itertuples(index=False)


def _line(found: Figures | None) -> str:
    if found is None:
        return "no query"
    parts = [f"{found.count:,} queries", *(f"R@{k} {_estimate(one)} %" for k, one in found.recall.items())]
    parts += [f"AP {_estimate(found.ap)} %"] if found.ap else []
    parts += [f"median {_estimate(found.median_m, 0)} m"] if found.median_m else []
    return ", ".join(parts)


def _estimate(one: Estimate, digits: int = 1) -> str:
    return f"{one.value:,.{digits}f} ({one.low:,.{digits}f} to {one.high:,.{digits}f})"


def _unless_nan(form: str, value: float) -> str:
    return "" if math.isnan(value) else form.format(value)


def _figures(found: Figures | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _records(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    flags = [column for column in rows if column.startswith("flag_")]
    for query_id, row in zip(rows.index, rows.to_dict("records"), strict=True):
        facts = {"id": query_id, **row, "flags": [name.removeprefix("flag_") for name in flags if row[name]]}
        yield {name: facts[name] for name in SHOWN if name in facts}


def _table(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Aligned columns; those in which nothing is known are left out."""
    names = [name for name in SHOWN if any(_cell(record.get(name)) for record in records)]
    cells = [names, *([_cell(record.get(name)) for name in names] for record in records)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 100 else f"{value:.3f}"
    return " ".join(value) if isinstance(value, list) else clean(str(value))


def _plain(value: Any) -> Any:
    """A value that JSON can hold: it knows no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
