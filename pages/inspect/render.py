"""What the components of the inspect page show of what a visitor looks at."""

import html
from dataclasses import replace
from typing import Any

import gradio as gr
import pandas as pd

from gallery.report import confusions, filters, flags, summary
from gallery.report.comparison import Comparison
from gallery.report.filters import Filter
from gallery.report.ground import OUTCOMES
from gallery.report.table import Inspection
from pages.common import cards, formatting, maps
from pages.common.widgets import Values
from pages.errors import SPOKEN, sentence
from pages.inspect import comparison as inspect_comparison
from pages.inspect import error_map, ground_view, query_view
from pages.inspect import summary as inspect_summary
from pages.inspect import table as inspect_table
from pages.inspect.components import Parts, top
from pages.inspect.query_text import text_of_answer, text_of_row
from pages.inspect.view_state import DISTRIBUTIONS, EMBEDDINGS, MAP, SLICES, ViewState
from pages.services.fresh_photo import fit_overlay, fresh_pictures
from pages.services.heatmaps import DisplayOptions
from pages.services.inspection import InspectionService, slices_of
from pages.services.kept import FreshPhoto

ROWS_A_PAGE = 25


def show_refusal(parts: Parts, error: Exception) -> Values:
    """Nothing but the sentence of an error."""
    return {
        parts.head.top: top("No report", "error"),
        parts.head.headline: cards.trouble_card(error, "Nothing to inspect"),
        parts.lenses.column: gr.Column(visible=False),
        parts.below: gr.Row(visible=False),
    }


def show_fresh_photo(parts: Parts, photo: FreshPhoto) -> Values:
    """The view of one photo from the first page, and of nothing else."""
    return {
        parts.head.top: top(photo.answer.photo, "ready"),
        parts.head.headline: "",
        parts.lenses.column: gr.Column(visible=False),
        parts.listing.column: gr.Column(visible=False),
        parts.query.steps: gr.Row(visible=False),
        parts.query.sight: fresh_card(photo, DisplayOptions()),
        parts.hidden.view_state: ViewState(fresh=photo),
    }


def fresh_card(photo: FreshPhoto, options: DisplayOptions) -> str:
    """A photo as every query is shown, and below how it fits, where geometry found a fit.

    Raises:
        NotReady: the model cannot be loaded.
    """
    query = fresh_pictures(photo, options)
    plan = ground_view.of_photo(photo)
    card = query_view.query_card(query, text_of_answer(photo.answer, query.right), plan)
    overlay = fit_overlay(photo)
    return card if overlay is None else card + cards.fit_view(photo.answer, overlay)


def report_card(service: InspectionService, name: str, options: DisplayOptions) -> str:
    """One query of the report.

    Raises:
        BadQuestion: the report has no such query.
    """
    query = service.query_pictures(name, options)
    inspection = service.inspection()
    row = inspection.table.loc[name]
    plan = ground_view.of_row(row, inspection.report.heat(name), service.ground())
    return query_view.query_card(query, text_of_row(row, query.right), plan)


def started_with(service: InspectionService) -> tuple[tuple[Inspection, Comparison] | None, list[str]]:
    """The comparison that the app was started with, and why there is none."""
    if service.against is None:
        return None, []
    try:
        return service.compared(service.against), []
    except SPOKEN as error:
        return None, [sentence(error)]


def part_of(view_state: ViewState, service: InspectionService, data: dict[str, Any]) -> Filter:
    """The filter that a chosen part of the set stands for; what it carries comes from the browser."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if texts.get("ground") in OUTCOMES:
        return Filter(grounds=(texts["ground"],))
    if "flag" in texts:
        return Filter(wrong=True, flags=(texts["flag"],) if texts["flag"] in flags.FLAGS else ())
    if texts.get("change") in filters.CHANGES:
        return Filter(changes=(texts["change"],))
    if texts.get("by") == "condition" and "slice" in texts:
        return Filter(conditions=(texts["slice"],))
    if texts.get("by") == "place" and "slice" in texts:
        return Filter(places=(texts["slice"],))
    if "true" in texts and "answered" in texts:
        table = view_state.table(service)
        pair = (table["place"] == texts["true"]) & (table["answered_place"] == texts["answered"])
        return Filter(wrong=True, ids=tuple(map(str, table.index[pair])))
    return view_state.view.filter


def show_rows(service: InspectionService, parts: Parts, view_state: ViewState) -> Values:
    """The table of what passes the filter."""
    rows = view_state.rows(service)
    total = len(view_state.table(service))
    view = view_state.view
    page = filters.page_of(rows, view.page, ROWS_A_PAGE)
    lassoed = "" if view.filter.ids is None else f" · of {len(view.filter.ids):,} chosen"
    wrong = int((~rows["right"]).sum())
    count = f"<b>{len(rows):,}</b> of {formatting.count(total, 'query', 'queries')} · {wrong:,} wrong{lassoed}"
    if not filters.fits_link(view):
        count += "<br>Too many are chosen for a link: it opens the rest of the filter."
    return {
        parts.hidden.view_state: replace(view_state, view=replace(view, page=page.number)),
        parts.listing.count: count,
        parts.listing.rows: inspect_table.table(page, view, view_state.compared is not None),
        parts.hidden.address: filters.to_query(view),
        parts.listing.clear: gr.Button(interactive=view.filter != Filter()),
    }


def show_query(service: InspectionService, parts: Parts, view_state: ViewState, options: DisplayOptions) -> Values:
    """The chosen query."""
    name = view_state.view.query
    if name is None or name not in view_state.table(service).index:
        return {
            parts.query.sight: '<p class="empty">Choose a query in the table.</p>',
            parts.query.earlier: "",
            parts.hidden.view_state: view_state,
        }
    earlier = ""
    if view_state.compared is not None:
        other = view_state.compared[0]
        earlier = inspect_comparison.earlier_strip(other.name, service.strip_of(other, name, options.near_m))
    return {
        parts.hidden.view_state: view_state,
        parts.query.sight: report_card(service, name, options),
        parts.query.earlier: earlier,
        parts.hidden.address: filters.to_query(view_state.view),
        parts.hidden.query: name,
    }


def show_comparison(service: InspectionService, parts: Parts, view_state: ViewState) -> Values:
    """What changed from the other report, or how to give one."""
    if view_state.compared is None:
        return {parts.lenses.compare.summary: inspect_comparison.NOTHING}
    before, comparison = view_state.compared
    return {
        parts.lenses.compare.summary: inspect_comparison.summary(comparison, before.name, service.inspection().name)
    }


def show_lens(service: InspectionService, parts: Parts, view_state: ViewState, method: Any, colour: Any) -> Values:
    """What the open tab shows of the rows that pass the filter; the others wait until they are opened."""
    rows = view_state.rows(service)
    if view_state.lens == SLICES and not len(rows):
        return {parts.lenses.slices: '<p class="empty">No query passes this filter.</p>'}
    if view_state.lens == SLICES:
        tables = slices_of(rows) if view_state.compared else service.slices(view_state.view.filter)
        return {parts.lenses.slices: inspect_summary.slices(tables)}
    if view_state.lens == DISTRIBUTIONS:
        return {parts.lenses.charts: inspect_summary.chart_cards(distribution_charts(service, rows))}
    if view_state.lens == EMBEDDINGS:
        return show_cloud(service, parts, method, colour)
    if view_state.lens == MAP:
        lines = confusions.error_lines(rows)
        ground = service.ground() if len(lines) else None
        plan = maps.iframe(error_map.error_map(lines, ground), title="Map of the errors") if len(lines) else ""
        caption = error_map.caption(len(lines), int((~rows["right"]).sum()))
        pairs = inspect_summary.confused(confusions.confused_pairs(rows))
        return {
            parts.lenses.map.plan: plan,
            parts.lenses.map.note: f'<p class="told">{caption}</p>',
            parts.lenses.map.confused: pairs,
        }
    return {parts.hidden.view_state: view_state}


def distribution_charts(service: InspectionService, rows: pd.DataFrame) -> list[tuple[str, str | None, str]]:
    """Title, chart and sentence of each distribution; of the embeddings always all."""
    margins = inspect_summary.margin_chart(summary.margin_histogram(rows))
    reliability = summary.reliability(rows)
    sure = "No query has a score." if reliability is None else reliability.sentence
    distances = service.distances()
    apart = (
        f"{distances.separation:.1%} of pairs in order: the same place nearer than two places."
        if distances is not None
        else "The report has no embeddings of queries and tiles; evaluate again to have them."
    )
    return [
        ("Margin", margins, "Best true minus best wrong score." if margins else "The report knows no margins."),
        ("Reliability", inspect_summary.reliability_chart(reliability), sure),
        ("Embedding distances", inspect_summary.distances_chart(distances), apart),
    ]


def show_cloud(service: InspectionService, parts: Parts, method: Any, colour: Any) -> Values:
    """The embeddings in the plane."""
    inspection = service.inspection()
    cloud = service.cloud(method)
    if cloud is None:
        missing = "The report has no embeddings; evaluate again to have them."
        return {parts.lenses.cloud.plot: None, parts.lenses.cloud.note: f'<p class="empty">{missing}</p>'}
    left_out = cloud.left_out + max(0, len(cloud.ids) - inspect_summary.MOST_POINTS)
    rest = f"{left_out:,} more are not drawn." if left_out else ""
    note = " ".join([f"{cloud.method}.", rest, "Draw around queries to see only them in the table."])
    return {
        parts.lenses.cloud.plot: inspect_summary.points_of(cloud, inspection.table, colour),
        parts.lenses.cloud.note: f'<p class="told">{html.escape(note)}</p>',
    }
