"""Filters, orders, pages and links: against brute force, there and back, and with nonsense."""

import math
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.report.filters import (  # fmt: skip
    ANY,
    CHANGES,
    MOST_IDS,
    SORTS,
    Filter,
    TableView,
    choices,
    fits_link,
    from_query,
    missing,
    neighbours,
    page_of,
    page_with,
    select,
    sorted_rows,
    to_query,
)
from gallery.report.flags import COLUMNS
from gallery.report.table import open_inspection
from tests.helpers.report_files import made_report


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    found = open_inspection(made_report(tmp_path_factory.mktemp("filters") / "r.parquet", 300)).table
    found.loc[found.index[::17], ["rank", "margin"]] = math.nan
    found["change"] = [CHANGES[number % 4] for number in range(len(found))]
    return found


limits = st.tuples(*[st.none() | st.floats(-2, 2) | st.sampled_from([1.0, 100.0, 150.0])] * 2)
filters = st.builds(
    Filter,
    wrong=st.booleans(),
    rank=limits | st.just((2.0, None)),
    margin=limits,
    error_m=limits,
    altitude_m=limits,
    conditions=st.sampled_from([(), ("fog",), ("fog", "normal"), ("mist",)]),
    places=st.sampled_from([(), ("place 000_000", "place 006_006")]),
    flags=st.lists(st.sampled_from(sorted(COLUMNS)), unique=True).map(tuple),
    changes=st.lists(st.sampled_from(CHANGES), unique=True).map(tuple),
    text=st.sampled_from(["", "1", "Q0", "x"]),
    ids=st.none() | st.lists(st.sampled_from([f"q{n:05}" for n in range(0, 400, 3)]), unique=True).map(tuple),
)


def means(chosen: Filter, query_id: str, row: pd.Series) -> bool:
    """The filter, one row after another."""

    def within(value, low_high, unknown=math.nan):
        value = unknown if pd.isna(value) else value
        low, high = low_high
        return (low is None or value >= low) and (high is None or value <= high)

    return (
        not (chosen.wrong and row["right"])
        and within(row["rank"], chosen.rank, math.inf)
        and all(within(row[name], getattr(chosen, name)) for name in ("margin", "error_m", "altitude_m"))
        and (not chosen.conditions or row["condition"] in chosen.conditions)
        and (not chosen.places or row["place"] in chosen.places)
        and (not chosen.flags or any(row[COLUMNS[name]] for name in chosen.flags))
        and (not chosen.changes or row["change"] in chosen.changes)
        and chosen.text.lower() in query_id.lower()
        and (chosen.ids is None or query_id in chosen.ids)
    )


@given(chosen=filters)
@settings(max_examples=60)
def test_a_filter_keeps_what_brute_force_keeps(table, chosen):
    expected = [query_id for query_id, row in table.iterrows() if means(chosen, query_id, row)]
    assert list(select(table, chosen).index) == expected


@given(chosen=filters)
@settings(max_examples=30)
def test_filters_commute_with_orders_and_are_idempotent(table, chosen):
    kept = select(table, chosen)
    assert select(kept, chosen).equals(kept)
    assert select(sorted_rows(table, "margin"), chosen).equals(sorted_rows(kept, "margin"))


@pytest.mark.parametrize("key", sorted(SORTS))
@pytest.mark.parametrize("descending", [False, True])
def test_orders_are_stable_with_the_unknown_last(table, key, descending):
    found = sorted_rows(table, key, descending)
    column = SORTS[key]
    if column != "id" and column not in table:
        assert found is table
        return
    values = list(table.index) if column == "id" else list(table[column])
    known = [number for number, value in enumerate(values) if not pd.isna(value)]
    unknown = [number for number, value in enumerate(values) if pd.isna(value)]
    expected = sorted(known, key=lambda number: values[number])
    if descending:  # stable as well: equal values keep their order
        expected = sorted(known[::-1], key=lambda number: values[number])[::-1]
    assert list(found.index) == list(table.index[expected + unknown])


def test_an_unknown_order_keeps_the_rows(table):
    assert sorted_rows(table, "nonsense") is table and sorted_rows(table) is table


@given(number=st.integers(-5, 100), size=st.integers(20, 400))
@settings(max_examples=30)
def test_pages_part_the_rows(table, number, size):
    page = page_of(table, number, size)
    assert 1 <= page.number <= page.pages == max(1, math.ceil(300 / size)) and page.total == 300
    assert len(page.rows) == min(size, 300 - (page.number - 1) * size)
    assert all(page_with(table, query_id, size) == page.number for query_id in page.rows.index)
    whole = pd.concat([page_of(table, each + 1, size).rows for each in range(page.pages)])
    assert list(whole.index) == list(table.index)


def test_an_empty_page(table):
    page = page_of(table[:0], 3)
    assert (len(page.rows), page.number, page.pages) == (0, 1, 1) and page_with(table, "none") is None


def test_neighbours_follow_the_rows_that_are_shown(table):
    shown = sorted_rows(select(table, Filter(wrong=True)), "margin")
    ids = list(shown.index)
    assert neighbours(shown, ids[0]) == (None, ids[1]) and neighbours(shown, ids[-1]) == (ids[-2], None)
    assert neighbours(shown, ids[3]) == (ids[2], ids[4])
    right = select(table, Filter(rank=(1, 1))).index[0]
    assert neighbours(shown, right) == (None, None)


def test_choices_are_what_occurs(table):
    found = choices(table)
    assert found.conditions == ("fog", "normal") and "place 000_000" in found.places
    assert {"twin", "blurred", "dark"} <= set(found.flags) and "outside" not in found.flags
    assert found.altitude_m == (60, 240) and found.rank[0] == 1 and choices(table[:0]).margin == ANY


# --- links ---

texts = st.text(max_size=30)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ranges = st.tuples(numbers, numbers)
names = st.lists(texts, max_size=4, unique=True).map(tuple)
views = st.builds(
    TableView,
    filter=st.builds(
        Filter, wrong=st.booleans(), rank=ranges, margin=ranges, error_m=ranges, altitude_m=ranges, conditions=names,
        places=names, flags=st.lists(st.sampled_from(sorted(COLUMNS)), unique=True).map(tuple),
        changes=st.lists(st.sampled_from(CHANGES), unique=True).map(tuple), text=texts,
        ids=st.none() | st.lists(texts, min_size=1, max_size=5, unique=True).map(tuple),
    ),
    sort=st.sampled_from(sorted(SORTS)),
    descending=st.booleans(),
    page=st.integers(1, 10**8),
    query=st.none() | texts,
)  # fmt: skip


@given(view=views)
@settings(max_examples=50)
def test_a_link_brings_back_its_view(view):
    assert from_query(to_query(view)) == (view, ()) and fits_link(view)


def test_the_default_view_needs_no_link():
    assert to_query(TableView()) == "" and from_query("") == (TableView(), ())
    view = TableView(
        Filter(wrong=True, rank=(2, 10), error_m=(100, None), flags=("twin",)), "margin", True, 2, "a/b c.jpg"
    )
    assert to_query(view) == "wrong=1&rank=2.0..10.0&metres=100.0..&flag=twin&sort=-margin&page=2&query=a%2Fb+c.jpg"


def test_too_many_ids_do_not_fit_a_link():
    ids = tuple(map(str, range(MOST_IDS + 1)))
    view = TableView(Filter(ids=ids))
    assert not fits_link(view) and from_query(to_query(view))[0].filter.ids == ids[:MOST_IDS]
    assert not fits_link(TableView(Filter(ids=()))) and not fits_link(TableView(query="x" * 10_000))


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("wrong=yes", "neither 0 nor 1"),
        ("rank=first", "two numbers"),
        ("margin=nan..1", "two numbers"),
        ("metres=1e999..", "two numbers"),
        ("altitude=..;DROP TABLE", "two numbers"),
        ("flag=<script>alert(1)</script>", "unknown flag"),
        ("change=better", "unknown change"),
        ("sort=__class__", "no column"),
        ("page=-1", "number from 1"),
        ("page=99999999999999999999", "number from 1"),
        ("page=%D9%A3", "number from 1"),
        ("query=" + "x" * 100_000, "longer than"),
        (urlencode([("id", str(n)) for n in range(1000)]), f"more than {MOST_IDS}"),
    ],
)
def test_nonsense_gives_the_default_and_a_sentence(query, word):
    view, notes = from_query(query)
    assert len(notes) == 1 and word in notes[0] and "<" not in notes[0]
    assert view == TableView() or view.filter.ids is not None


@given(st.text(max_size=300) | st.lists(st.tuples(st.sampled_from(
    ["wrong", "rank", "margin", "metres", "altitude", "condition", "place", "flag", "change", "text", "id", "sort",
     "page", "query", "against"]), st.text(max_size=20))).map(urlencode))  # fmt: skip
def test_no_link_raises_and_every_view_works(table, query):
    view, notes = from_query(query)
    assert all(isinstance(note, str) and "\n" not in note for note in notes)
    page_of(sorted_rows(select(table, view.filter), view.sort, view.descending), view.page)
    missing(view, table)


def test_what_a_report_does_not_have_is_said(table):
    assert missing(TableView(Filter(conditions=("fog",), ids=("q00001",)), query="q00002"), table) == ()
    found = missing(TableView(Filter(conditions=("mist",), ids=("a", "b")), query="c"), table)
    assert found == (
        "The report does not have the query c that the link asks for.",
        "The report does not have 2 of the query names that the link asks for.",
        "The report does not have the condition mist that the link asks for.",
    )


def test_positions_never_name_a_row(table):
    shuffled = table.sample(frac=1, random_state=np.random.default_rng(3))
    chosen = Filter(wrong=True, ids=tuple(table.index[:50]))
    assert set(select(shuffled, chosen).index) == set(select(table, chosen).index)
