"""Two reports side by side as HTML: what became right, what became wrong, and one query's ranking before."""

import html
from collections.abc import Sequence

from gallery.report.comparison import Comparison
from gallery.report.filters import CHANGES
from pages.inspect.query_view import strip
from pages.services.query_pictures import RankedTile

NOTHING = (
    '<p class="told">Choose a second report of the same queries: another checkpoint, another backbone, another method. '
    "It is compared query by query, as what was before.</p>"
)


def summary(comparison: Comparison, before: str, after: str) -> str:
    """What changed from one report to the other; a count filters the table by itself."""
    chips = "".join(
        f'<button data-change="{change}">{comparison.counts.get(change, 0):,} <span>{change}</span></button>'
        for change in CHANGES
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in comparison.notes)
    title = html.escape(f"{before} → {after}")
    return (
        f'<div class="card quiet"><p class="eyebrow"><span class="file">{title}</span></p>'
        f'<h3>{html.escape(comparison.sentence)}</h3><p class="chips">{chips}</p><ul class="notes">{notes}</ul></div>'
    )


def earlier_strip(name: str, ranked: Sequence[RankedTile]) -> str:
    """What the other report ranked for the query; it stands below what this one ranked."""
    return f'<section class="query card">{strip(ranked, f"Before: {name}")}</section>' if ranked else ""
