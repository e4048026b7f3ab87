"""The table of queries as HTML: one page of rows; a row is named by its query's id, never by its position."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gallery.report.filters import TablePage, TableView
from gallery.report.flags import FLAGS
from pages.common import formatting


@dataclass(frozen=True)
class Column:
    """A column of the table. `sort` is its key in `gallery.report.filters.SORTS`."""

    title: str
    sort: str
    hint: str = ""
    number: bool = True


COLUMNS = (
    Column("Query", "id", number=False),
    Column("Place", "place", number=False),
    Column("Altitude", "altitude", "Height of the camera above the ground"),
    Column("Condition", "condition", number=False),
    Column("Rank", "rank", "Rank of the true tile; 1 is right"),
    Column("Score", "score", "Cosine of the query and the first tile"),
    Column("Margin", "margin", "Best true score minus best wrong score; negative is wrong"),
    Column("Error", "metres", "From the first tile's centre to the truth"),
)
COMPARED = (
    Column("Δ rank", "rank_change", "Rank now minus rank before; negative is better"),
    Column("Δ margin", "margin_change", "Margin now minus margin before; positive is better"),
)


NUMBER_CELL = '<td class="number">'


def table(page: TablePage, view: TableView, compared: bool = False) -> str:
    """One page of queries, with the heads that sort it and the buttons that turn it."""
    if not page.total:
        return '<p class="empty">No query passes this filter.</p>'
    columns = (*COLUMNS, *COMPARED) if compared else COLUMNS
    heads = "".join(_head(column, view) for column in columns)
    rows = "".join(_row(str(name), row, view.query, compared) for name, row in page.rows.iterrows())
    return (
        f'<div class="scroll"><table class="queries"><thead><tr><th aria-label="Picture"></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{_turner(page)}"
    )


def _head(column: Column, view: TableView) -> str:
    sorted_here = view.sort == column.sort
    order = ("descending" if view.descending else "ascending") if sorted_here else "none"
    sign = "" if not sorted_here else " ▾" if view.descending else " ▴"
    kind = ' class="number"' if column.number else ""
    return (
        f'<th aria-sort="{order}"{kind} title="{html.escape(column.hint)}">'
        f'<button data-sort="{column.sort}">{column.title}{sign}</button></th>'
    )


def _row(name: str, row: "pd.Series[Any]", chosen: str | None, compared: bool) -> str:
    kind, sign = ("right", "✓") if row["right"] else ("wrong", "✗")
    flags = {flag: text for flag, text in FLAGS.items() if row[f"flag_{flag}"]}
    rank = "none" if math.isnan(row["rank"]) else f"{row['rank']:.0f}"
    cells = [
        f'<td class="who" title="{html.escape(name)}"><span><bdi>{html.escape(name)}</bdi></span>{_flags(flags)}</td>',
        f"<td>{text_or_dash(row['place'])}</td>",
        number(row["altitude_m"], formatting.metres),
        f"<td>{text_or_dash(row['condition'])}</td>",
        f'<td class="number"><span class="mark {kind}">{sign} {rank}</span></td>',
        number(row["score"], formatting.similarity),
        number(row["margin"], signed),
        number(row["error_m"], formatting.metres),
    ]
    if compared:
        cells += [number(row["rank_change"], lambda value: f"{value:+.0f}"), number(row["margin_change"], signed)]
    safe = html.escape(name)
    on = ' class="chosen" aria-selected="true"' if name == chosen else ""
    return f'<tr data-query="{safe}" tabindex="0"{on}><td class="thumb"><i></i></td>{"".join(cells)}</tr>'


def _flags(texts: Mapping[str, str]) -> str:
    return "".join(f'<small title="{html.escape(text)}">{flag}</small>' for flag, text in texts.items())


def _turner(page: TablePage) -> str:
    def button(to: int, label: str, hint: str) -> str:
        off = "" if 1 <= to <= page.pages and to != page.number else " disabled"
        return f'<button data-page="{to}" aria-label="{hint}"{off}>{label}</button>'

    return (
        f'<nav class="turner">{button(1, "«", "First page")}{button(page.number - 1, "‹", "Page before")}'
        f"<span>page {page.number:,} of {page.pages:,}</span>"
        f"{button(page.number + 1, '›', 'Next page')}{button(page.pages, '»', 'Last page')}</nav>"
    )


def text_or_dash(value: object) -> str:
    """A text from a file as HTML; a dash where there is none."""
    return html.escape(value) if isinstance(value, str) and value else "–"


def number(value: float, text_of: Callable[[float], str]) -> str:
    """A cell with a number; a dash where there is none."""
    known = value is not None and not math.isnan(value)
    return f"{NUMBER_CELL}{text_of(value) if known else '–'}</td>"


def signed(value: float) -> str:
    """A margin: its sign says right or wrong, so a plus is written too."""
    return f"{value:+.3f}"


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]], data: Sequence[Mapping[str, str]] = ()) -> str:
    """A small table of ready cells (each a whole `<td>`), one row or more.

    Args: data: what the page's script hands on when a row is chosen: `data-` attributes, for each row.
    """
    numbers = [cell.startswith(NUMBER_CELL) for cell in rows[0]]
    head = "".join(
        f"<th{' class=number' if is_number else ''}>{html.escape(name)}</th>"
        for name, is_number in zip(heads, numbers, strict=True)
    )
    lines = []
    for row, cells in enumerate(rows):
        attributes = data[row] if data else {}
        marks = "".join(f' data-{key}="{html.escape(value)}"' for key, value in attributes.items())
        focus = ' tabindex="0"' if attributes else ""
        lines.append(f"<tr{marks}{focus}>{''.join(cells)}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table class="plain">{body}</table></div>'
