"""Which queries are shown: a filter, an order, a page, and the link that brings them back."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd

from gallery.report.flags import COLUMNS
from gallery.report.ground import OUTCOMES

Range = tuple[float | None, float | None]
"""Lower and upper end, both included; None is open. An open range keeps what has no number, others leave it out."""

ANY: Range = (None, None)

CHANGES = ("fixed", "broken", "both wrong", "both right")
"""What a second report did to a query: see `gallery.report.comparison`."""

SORTS: Mapping[str, str] = {
    "id": "id",
    "place": "place",
    "altitude": "altitude_m",
    "condition": "condition",
    "rank": "rank",
    "score": "score",
    "margin": "margin",
    "metres": "error_m",
    "confidence": "confidence",
    "rank_change": "rank_change",
    "margin_change": "margin_change",
}
"""What rows can be ordered by, and the column of each."""

MOST_IDS = 200
"""Most ids that a link holds: browsers and servers cut longer ones."""

MOST_LETTERS = 500
"""Most letters of one value in a link."""


@dataclass(frozen=True)
class Filter:
    """Which queries are meant; the conditions all have to hold, and an empty one always does."""

    wrong: bool = False
    rank: Range = ANY  # of the truth; one that was not ranked stands behind all others
    margin: Range = ANY
    error_m: Range = ANY
    altitude_m: Range = ANY
    conditions: tuple[str, ...] = ()  # any of these
    places: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # names of `gallery.report.flags.FLAGS`
    grounds: tuple[str, ...] = ()  # of `gallery.report.ground.OUTCOMES`
    changes: tuple[str, ...] = ()  # of `CHANGES`; without a comparison no row has one
    text: str = ""  # part of the id, in any case
    ids: tuple[str, ...] | None = None  # None: all


def select(table: pd.DataFrame, chosen: Filter) -> pd.DataFrame:
    """The rows of an inspection's or comparison's table that a filter means, in their order."""
    keep = np.ones(len(table), bool)
    if chosen.wrong:
        keep &= ~table["right"].to_numpy(bool)
    keep &= _within(table["rank"].fillna(math.inf), chosen.rank)
    for name in ("margin", "error_m", "altitude_m"):
        keep &= _within(table[name], getattr(chosen, name))
    lists = {
        "condition": chosen.conditions,
        "place": chosen.places,
        "on_ground": chosen.grounds,
        "change": chosen.changes,
    }
    for column, wanted in lists.items():
        if wanted:
            keep &= table[column].isin(wanted).to_numpy() if column in table else False
    if chosen.flags:
        keep &= table[[COLUMNS[name] for name in chosen.flags]].to_numpy(bool).any(axis=1)
    if chosen.ids is not None:
        keep &= table.index.isin(chosen.ids)
    if chosen.text:
        part = chosen.text.casefold()
        keep &= np.fromiter((part in query_id.casefold() for query_id in table.index), bool, len(table))
    return table[keep]


def _within(values: pd.Series, limits: Range) -> np.ndarray:
    numbers, (low, high) = values.to_numpy(float), limits
    keep = np.ones(len(numbers), bool)
    if low is not None:
        keep &= numbers >= low
    if high is not None:
        keep &= numbers <= high
    return keep


def sorted_rows(table: pd.DataFrame, key: str = "", descending: bool = False) -> pd.DataFrame:
    """The rows in another order; equal ones keep theirs, and unknown values come last in both directions.

    Args: key: of `SORTS`; one that is not there, or whose column the table lacks, keeps the order.
    """
    column = SORTS.get(key, "")
    if column != "id" and column not in table:
        return table
    values = table.index.to_series() if column == "id" else table[column]
    ranks, _ = pd.factorize(values, sort=True)
    unknown = ranks < 0
    return table.iloc[np.lexsort((-ranks if descending else ranks, unknown))]


@dataclass(frozen=True)
class TablePage:
    """A page of rows."""

    rows: pd.DataFrame
    number: int  # from 1
    pages: int  # at least 1
    total: int  # rows on all pages


def page_of(table: pd.DataFrame, number: int, size: int = 50) -> TablePage:
    """A page of rows; a number beyond the last page gives the last, below 1 the first."""
    pages = max(1, math.ceil(len(table) / size))
    number = min(max(1, number), pages)
    return TablePage(table.iloc[(number - 1) * size : number * size], number, pages, len(table))


def page_with(table: pd.DataFrame, query_id: str, size: int = 50) -> int | None:
    """The number of the page that a query stands on; None where the rows do not hold it."""
    return None if query_id not in table.index else int(table.index.get_loc(query_id)) // size + 1


def neighbours(table: pd.DataFrame, query_id: str) -> tuple[str | None, str | None]:
    """The queries before and after one in some rows; None at their ends, and where it is not among them."""
    if query_id not in table.index:
        return None, None
    row = int(table.index.get_loc(query_id))
    return (
        table.index[row - 1] if row else None,
        table.index[row + 1] if row + 1 < len(table) else None,
    )


@dataclass(frozen=True)
class Choices:
    """What occurs in a report: the values that a filter can choose from."""

    conditions: tuple[str, ...]
    places: tuple[str, ...]
    flags: tuple[str, ...]
    grounds: tuple[str, ...]
    rank: Range
    margin: Range
    error_m: Range
    altitude_m: Range


def choices(table: pd.DataFrame) -> Choices:
    """What the rows of a table offer; a range is (None, None) where no number is known."""
    return Choices(
        conditions=tuple(sorted(table["condition"].dropna().unique())),
        places=tuple(sorted(table["place"].dropna().unique())),
        flags=tuple(name for name, column in COLUMNS.items() if table[column].any()),
        grounds=tuple(name for name in OUTCOMES if (table["on_ground"] == name).any()),
        **{name: _extent(table[name].dropna()) for name in RANGES.values()},
    )


def _extent(values: pd.Series) -> Range:
    return (float(values.min()), float(values.max())) if len(values) else ANY


# --- links ---

RANGES = {"rank": "rank", "margin": "margin", "metres": "error_m", "altitude": "altitude_m"}
LISTS = {"condition": "conditions", "place": "places", "flag": "flags", "ground": "grounds", "change": "changes"}
CLOSED: dict[str, tuple[str, ...]] = {"flag": tuple(COLUMNS), "ground": tuple(OUTCOMES), "change": CHANGES}
"""Names in a link, the fields of `Filter` that they fill, and what is allowed where not everything is."""


@dataclass(frozen=True)
class TableView:
    """What a page shows: a link holds it all."""

    filter: Filter = field(default_factory=Filter)
    sort: str = ""  # of `SORTS`, or the report's order
    descending: bool = False
    page: int = 1
    query: str | None = None  # the query that is looked at


def to_query(view: TableView) -> str:
    """The part of a link behind the question mark; empty for the default view.

    Ids beyond `MOST_IDS` are left out, and so is the condition of an empty list of ids: see `fits_link`.
    """
    chosen = view.filter
    pairs: list[tuple[str, Any]] = [("wrong", "1")] if chosen.wrong else []
    for name, attribute in RANGES.items():
        limits = getattr(chosen, attribute)
        if limits != ANY:
            pairs.append((name, "..".join("" if limit is None else repr(float(limit)) for limit in limits)))
    for name, attribute in LISTS.items():
        pairs += [(name, value) for value in getattr(chosen, attribute)]
    if chosen.text:
        pairs.append(("text", chosen.text))
    pairs += [("id", query_id) for query_id in (chosen.ids or ())[:MOST_IDS]]
    if view.sort:
        pairs.append(("sort", f"{'-' if view.descending else ''}{view.sort}"))
    if view.page != 1:
        pairs.append(("page", view.page))
    if view.query is not None:
        pairs.append(("query", view.query))
    return urlencode(pairs)


def fits_link(view: TableView) -> bool:
    """Whether a link brings back the same view: not with too many chosen ids, none at all, or endless text."""
    return from_query(to_query(view)) == (view, ())


def from_query(text: str) -> tuple[TableView, tuple[str, ...]]:
    """The view of a link, and sentences on what in it was not understood and is left out. Never raises.

    Names that belong to nothing here are passed over: a page may have more of its own.
    """
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(text[: 4 * MOST_IDS * MOST_LETTERS], keep_blank_values=True, errors="replace"):
        given.setdefault(name, []).append(value)
    notes: list[str] = []
    view = TableView(_filter(given, notes))
    sort = _last(given, "sort", notes)
    if sort:
        key = sort.removeprefix("-")
        if key in SORTS:
            view = replace(view, sort=key, descending=sort.startswith("-"))
        else:
            notes.append(f"The link sorts by something that is no column; these are: {', '.join(SORTS)}.")
    page = _last(given, "page", notes)
    if page:
        if page.isascii() and page.isdigit() and len(page) < 10 and int(page):
            view = replace(view, page=int(page))
        else:
            notes.append("The link's page is no number from 1.")
    return replace(view, query=_last(given, "query", notes)), tuple(notes)


def _filter(given: Mapping[str, list[str]], notes: list[str]) -> Filter:
    found: dict[str, Any] = {}
    wrong = _last(given, "wrong", notes)
    if wrong not in (None, "0", "1"):
        notes.append("The link's value of wrong is neither 0 nor 1.")
    found["wrong"] = wrong == "1"
    for name, attribute in RANGES.items():
        limits = _last(given, name, notes)
        if limits is not None:
            found[attribute] = _range(limits)
            if found[attribute] is None:
                found[attribute] = ANY
                notes.append(f"The link's range of {name} is not two numbers with .. between them, such as 2..10.")
    for name, attribute in LISTS.items():
        values = _unique(given.get(name, ()), name, notes)
        allowed = CLOSED.get(name)
        if allowed and not set(values) <= set(allowed):
            notes.append(f"The link names an unknown {name}; these are: {', '.join(allowed)}.")
            values = tuple(value for value in values if value in allowed)
        found[attribute] = values
    found["text"] = _last(given, "text", notes) or ""
    if "id" in given:
        ids = _unique(given["id"], "id", notes)
        if len(ids) > MOST_IDS:
            notes.append(f"The link names more than {MOST_IDS} queries; the first {MOST_IDS} are shown.")
        found["ids"] = ids[:MOST_IDS]
    return Filter(**found)


def _last(given: Mapping[str, list[str]], name: str, notes: list[str]) -> str | None:
    """The last value that a link gives, if it is not too long."""
    values = _unique(given.get(name, ())[-1:], name, notes)
    return values[0] if values else None


def _unique(values: Iterable[str], name: str, notes: list[str]) -> tuple[str, ...]:
    """Each value once, in order, without those that are too long."""
    kept = list(dict.fromkeys(values))
    short = [value for value in kept if len(value) <= MOST_LETTERS]
    if len(short) < len(kept):
        notes.append(f"The link's value of {name} is longer than {MOST_LETTERS} letters.")
    return tuple(short)


def _range(text: str) -> Range | None:
    low, between, high = text.partition("..")
    if not between:
        return None
    try:
        limits = (float(low) if low else None, float(high) if high else None)
    except ValueError:
        return None
    return limits if all(limit is None or math.isfinite(limit) for limit in limits) else None


def missing(view: TableView, table: pd.DataFrame) -> tuple[str, ...]:
    """Sentences on what a view asks for and a report does not have."""
    chosen = view.filter
    known: Sequence[tuple[str, Sequence[str], pd.Index | pd.Series]] = (
        ("query", [view.query] if view.query is not None else [], table.index),
        ("query", chosen.ids or (), table.index),
        ("condition", chosen.conditions, table["condition"]),
        ("place", chosen.places, table["place"]),
    )
    notes = []
    for what, wanted, there in known:
        unknown = set(wanted) - set(there)
        if unknown:
            names = f"the {what} {min(unknown)}" if len(unknown) == 1 else f"{len(unknown):,} of the {what} names"
            notes.append(f"The report does not have {names} that the link asks for.")
    return tuple(dict.fromkeys(notes))
