"""Two reports about the same queries: what the second one fixes and breaks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gallery.report.filters import CHANGES
from gallery.report.summary import Figures, figures
from gallery.report.table import Inspection

KEPT = ("right", "rank", "margin", "score", "error_m")


@dataclass(frozen=True)
class Comparison:
    """Two reports, joined by the query's id.

    Attributes:
        table: the shared queries in the order of the later report: its columns, the earlier one's right, rank, margin,
            score and error_m with `_before` behind the name, change (of `CHANGES`), rank_change (negative is
            better) and margin_change (positive is better).
        counts: of each change.
        only_before, only_after: queries that one report has alone.
        before, after: the figures of the shared queries; None where there are none.
        p_value: of McNemar's exact test: how likely so uneven a split of fixed and broken is by chance.
        notes: what to know before believing it.
    """

    table: pd.DataFrame
    counts: Mapping[str, int]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    before: Figures | None
    after: Figures | None
    p_value: float
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The counts in words."""
        counts = ", ".join(f"{count:,} {change}" for change, count in self.counts.items())
        chance = "could be chance" if self.p_value >= 0.05 else "is more than chance"
        return (
            f"{len(self.table):,} shared queries: {counts}. The difference {chance} (McNemar, p = {self.p_value:.2g})."
        )


def compare(before: Inspection, after: Inspection) -> Comparison:
    """Compare the answers of two reports; any model, gallery and dataset count, as far as their queries have one id."""
    shared = after.table.index[after.table.index.isin(before.table.index)]
    earlier, table = before.table.loc[shared], after.table.loc[shared].copy()
    for name in KEPT:
        table[f"{name}_before"] = earlier[name]
    was, now = earlier["right"].to_numpy(bool), table["right"].to_numpy(bool)
    table["change"] = np.select([~was & now, was & ~now, ~was], CHANGES[:3], CHANGES[3]).astype(object)
    table["rank_change"] = table["rank"] - earlier["rank"]
    table["margin_change"] = table["margin"] - earlier["margin"]
    counts = {change: int((table["change"] == change).sum()) for change in CHANGES}
    return Comparison(
        table=table,
        counts=counts,
        only_before=tuple(before.table.index.difference(shared, sort=False)),
        only_after=tuple(after.table.index.difference(shared, sort=False)),
        before=figures(earlier),
        after=figures(table),
        p_value=mcnemar(counts["fixed"], counts["broken"]),
        notes=_notes(before, after, earlier, table),
    )


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact p-value of McNemar's test; 1 where nothing changed."""
    from scipy.stats import binomtest

    return float(binomtest(fixed, fixed + broken, 0.5).pvalue) if fixed + broken else 1.0


def _notes(before: Inspection, after: Inspection, earlier: pd.DataFrame, table: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    for mine, other in ((before, after), (after, before)):
        alone = mine.table.index.difference(other.table.index, sort=False)
        if len(alone):
            some = ", ".join(alone[:3]) + (f" and {len(alone) - 3:,} more" if len(alone) > 3 else "")
            notes.append(f"Only {mine.name} has {len(alone):,} of its {len(mine.table):,} queries: {some}.")
    if not len(table):
        notes.append("The reports share no query: compare reports about the same photos.")
    ends = [(one["true_lon"].round(6), one["true_lat"].round(6)) for one in (earlier, table)]
    moved = sum(((a != b) & a.notna() & b.notna()) for a, b in zip(*ends, strict=True)) > 0
    if int(moved.sum()):
        notes.append(
            f"{int(moved.sum()):,} queries have another true position in each report: are they the same photos?"
        )
    protocols = [one.report.summary.get("protocol") for one in (before, after)]
    if protocols[0] != protocols[1]:
        notes.append("The reports follow different protocols: their figures do not compare.")
    return tuple(notes)
