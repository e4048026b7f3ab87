"""The page that shows why retrieval fails: a report as a whole, as a table, query by query, and beside another one."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import gradio as gr

from gallery.report import export, filters
from gallery.report.filters import Filter, View
from pages.common import cards, formatting
from pages.errors import SPOKEN, BadQuestion, sentence
from pages.inspect import summary
from pages.inspect.components import MAP_ID, Parts, filter_of, make_parts, set_controls, top
from pages.inspect.download import figures_file
from pages.inspect.render import (
    ROWS_A_PAGE,
    fresh_card,
    fresh_photo,
    part_of,
    refused,
    show_cloud,
    show_comparison,
    show_lens,
    show_query,
    show_rows,
    started_with,
)
from pages.inspect.view_state import EMBEDDINGS, ViewState
from pages.services.expiring import ExpiringStore
from pages.services.heatmaps import DisplayOptions
from pages.services.inspection import InspectionService
from pages.services.locate import FreshPhoto

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4, "concurrency_id": "inspect", **PRIVATE}
SLOW: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "inspect-slow", **PRIVATE}
ADDRESS = """(query) => { const kept = new URLSearchParams(location.search).get('__theme');
  const all = [kept ? '__theme=' + kept : '', query].filter(Boolean).join('&');
  history.replaceState(null, '', location.pathname + (all ? '?' + all : '')); }"""
"""Script that puts the link to what is shown into the address bar."""
COPY = """async () => { const button = document.querySelector('#copy-link'), text = button.textContent;
  try { await navigator.clipboard.writeText(location.href); button.textContent = '✓ Copied'; }
  catch { prompt('The link to this view', location.href); }
  setTimeout(() => { button.textContent = text; }, 1500); }"""
OPACITY = "(value) => document.querySelector('#sight').style.setProperty('--heat', value / 100)"
MARK = f"""(query) => document.querySelector('#{MAP_ID} iframe')
  ?.contentWindow.postMessage({{src: 'mean-page', query}}, '*')"""
"""Script that makes the chosen query's line on the map of errors stand out."""
UNLASSO = "() => document.querySelector('#cloud canvas')?.dispatchEvent(new Event('clear'))"
WORST_FIRST = View(sort="margin")
"""What the page shows where its address asks for nothing."""
GONE = "This photo is not kept any more. Open the first page and ask again."

Shown = dict[Any, Any]
"""New values by component."""


def inspect_page(service: InspectionService, store: ExpiringStore[FreshPhoto] | None = None) -> None:
    """Put the page's parts and events into the Blocks at hand.

    Args: store: photos that the first page keeps for this one.
    """
    parts = make_parts(service)
    _wire(Events(service, parts, store or ExpiringStore()), parts)


def _spoken(answer: Callable[..., Shown]) -> Callable[..., Shown]:
    """An event's answer that says an error which is meant for the visitor, and changes nothing then."""

    @wraps(answer)
    def safely(self: "Events", view_state: ViewState, *values: Any, **more: Any) -> Shown:
        try:
            return answer(self, view_state, *values, **more)
        except SPOKEN as error:
            gr.Warning(sentence(error))
            return {self.parts.view_state: view_state}

    return safely


def _said(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, service: InspectionService, parts: Parts, store: ExpiringStore[FreshPhoto]) -> None:
        self.service = service
        self.parts = parts
        self.store = store

    def opening(self, request: gr.Request) -> Iterator[Shown]:
        """The report as the address asks for it, or a photo that the first page keeps."""
        try:
            token = request.query_params.get("photo")
            yield from self._report(str(request.query_params)) if token is None else self._photo(token)
        except SPOKEN as error:
            yield refused(self.parts, error)

    def _photo(self, token: str) -> Iterator[Shown]:
        photo = self.store.get(token)
        if photo is None:
            raise BadQuestion(GONE)
        yield fresh_photo(self.parts, photo)

    def _report(self, asked: str) -> Iterator[Shown]:
        service, parts = self.service, self.parts
        inspection = service.inspection()
        view, misread = filters.from_query(asked)
        if view == View():
            view = WORST_FIRST
        pair, problem = started_with(service)
        view_state = ViewState(view, pair)
        table = view_state.table(service)
        notes = [*inspection.notes, *misread, *filters.missing(view, table), *problem]
        if view.query is None or view.query not in table.index:
            chosen = view_state.rows(service)
            view_state = replace(view_state, view=replace(view, query=str(chosen.index[0]) if len(chosen) else None))
        yield {
            parts.top: top(
                f"{inspection.name} · {formatting.count(len(inspection.table), 'query', 'queries')}", "ready"
            ),
            parts.headline: summary.headline(inspection.name, *service.overall(), notes),
            **set_controls(parts, view_state, table),
            **show_comparison(service, parts, view_state),
            **show_rows(service, parts, view_state),
        }
        yield {
            **show_lens(service, parts, view_state, "pca", "outcome"),
            **show_query(service, parts, view_state, DisplayOptions()),
        }

    @_spoken
    def sift(self, view_state: ViewState, *values: Any) -> Shown:
        """The controls were changed; a lasso stays."""
        return self._filtered(view_state, replace(filter_of(*values), ids=view_state.view.filter.ids))

    @_spoken
    def clear(self, view_state: ViewState) -> Shown:
        """Take every filter away."""
        return self._filtered(view_state, Filter(), controls=True)

    @_spoken
    def part(self, view_state: ViewState, event: gr.EventData) -> Shown:
        """A row of the slices, a pair of places, a chip of the headline or of the comparison was chosen."""
        return self._filtered(view_state, part_of(view_state, self.service, _said(event)), controls=True)

    @_spoken
    def lasso(self, view_state: ViewState, event: gr.EventData) -> Shown:
        """Queries were drawn around."""
        given = _said(event).get("ids")
        known = view_state.table(self.service).index
        ids = (
            tuple(name for name in given if isinstance(name, str) and name in known) if isinstance(given, list) else ()
        )
        return self._filtered(view_state, replace(view_state.view.filter, ids=ids or None))

    def _filtered(self, view_state: ViewState, chosen: Filter, controls: bool = False) -> Shown:
        now = replace(view_state, view=replace(view_state.view, filter=chosen, page=1))
        shown = set_controls(self.parts, now, now.table(self.service)) if controls else {}
        return {**shown, **show_rows(self.service, self.parts, now)}

    @_spoken
    def order(self, view_state: ViewState, event: gr.EventData) -> Shown:
        """The head of a column: once up, twice down."""
        key = _said(event).get("key")
        if not isinstance(key, str) or key not in filters.SORTS:
            return {self.parts.view_state: view_state}
        down = view_state.view.sort == key and not view_state.view.descending
        view = replace(view_state.view, sort=key, descending=down, page=1)
        return show_rows(self.service, self.parts, replace(view_state, view=view))

    @_spoken
    def turn(self, view_state: ViewState, event: gr.EventData) -> Shown:
        """Another page of the table."""
        number = _said(event).get("page")
        view = replace(view_state.view, page=number if isinstance(number, int) else 1)
        return show_rows(self.service, self.parts, replace(view_state, view=view))

    @_spoken
    def pick(self, view_state: ViewState, look: Any, against: Any, near_m: Any, event: gr.EventData) -> Shown:
        """A query was chosen in the table, the plot or the map."""
        name = _said(event).get("query")
        if not isinstance(name, str) or name not in view_state.table(self.service).index:
            return {self.parts.view_state: view_state}
        now = replace(view_state, view=replace(view_state.view, query=name))
        return show_query(self.service, self.parts, now, DisplayOptions.read(look, against, near_m))

    @_spoken
    def before(self, view_state: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """The query before this one in the table."""
        return self._step(view_state, 0, DisplayOptions.read(look, against, near_m))

    @_spoken
    def after(self, view_state: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """The query after this one in the table."""
        return self._step(view_state, 1, DisplayOptions.read(look, against, near_m))

    @_spoken
    def walk(self, view_state: ViewState, look: Any, against: Any, near_m: Any, event: gr.EventData) -> Shown:
        """An arrow key."""
        return self._step(
            view_state, 0 if _said(event).get("by") == -1 else 1, DisplayOptions.read(look, against, near_m)
        )

    def _step(self, view_state: ViewState, way: int, options: DisplayOptions) -> Shown:
        """Choose a neighbour in the table, which turns its pages with it."""
        if view_state.fresh is not None:
            return {self.parts.view_state: view_state}
        chosen, name = view_state.rows(self.service), view_state.view.query
        if name is not None and name in chosen.index:
            to = filters.neighbours(chosen, name)[way]
        else:
            to = str(chosen.index[0]) if len(chosen) else None
        if to is None:
            return {self.parts.view_state: view_state}
        number = filters.page_with(chosen, to, ROWS_A_PAGE) or 1
        now = replace(view_state, view=replace(view_state.view, query=to, page=number))
        return {**show_rows(self.service, self.parts, now), **show_query(self.service, self.parts, now, options)}

    @_spoken
    def look(self, view_state: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """Pictures, what the network sees, or heat maps."""
        options = DisplayOptions.read(look, against, near_m)
        shown = {self.parts.heat: gr.Row(visible=look in ("similarity", "saliency"))}
        if view_state.fresh is not None:
            return {**shown, self.parts.sight: fresh_card(view_state.fresh, options)}
        return {**shown, **show_query(self.service, self.parts, view_state, options)}

    @_spoken
    def lens(self, view_state: ViewState, method: Any, colour: Any, event: gr.SelectData) -> Shown:
        """A tab was opened."""
        now = replace(view_state, lens=str(event.value))
        return {self.parts.view_state: now, **show_lens(self.service, self.parts, now, method, colour)}

    @_spoken
    def follow(self, view_state: ViewState, method: Any, colour: Any) -> Shown:
        """The open tab follows the filter, except the cloud, which always shows all."""
        still = view_state.fresh is not None or view_state.lens == EMBEDDINGS
        return (
            {self.parts.view_state: view_state}
            if still
            else show_lens(self.service, self.parts, view_state, method, colour)
        )

    @_spoken
    def project(self, view_state: ViewState, method: Any, colour: Any) -> Shown:
        """Another projection or colour of the cloud."""
        return show_cloud(self.service, self.parts, method, colour)

    @_spoken
    def compare(self, view_state: ViewState, file: str | None, look: Any, against: Any, near_m: Any) -> Shown:
        """Another report was given, or taken away."""
        try:
            pair = None if file is None else self.service.compared(file)
        except SPOKEN as error:
            return {self.parts.comparison: cards.trouble_card(error)}
        now = replace(view_state, compared=pair)
        shown = {**self._filtered(now, Filter(), controls=True), **show_comparison(self.service, self.parts, now)}
        return {
            **shown,
            **show_query(
                self.service, self.parts, shown[self.parts.view_state], DisplayOptions.read(look, against, near_m)
            ),
        }

    @_spoken
    def take(self, view_state: ViewState, kind: str) -> Shown:
        """A file of the rows that pass the filter. Args: kind: csv, geojson, kml, or zip: the figures."""
        chosen = view_state.rows(self.service)
        if kind == "zip":
            name, data = "figures.zip", figures_file(self.service, chosen, view_state.view.query)
        else:
            name, data = f"queries.{kind}", export.render(chosen, kind).encode()  # type: ignore[arg-type]
        return {self.parts.take: {"name": name, "data": base64.b64encode(data).decode()}}


def _wire(events: Events, parts: Parts) -> None:
    page = gr.context.Context.root_block
    assert page is not None
    asked = parts.shown_how
    drawn = [parts.view_state, parts.method, parts.colour]
    listed = [parts.view_state, parts.count, parts.queries, parts.address, parts.clear]
    sifted = [*listed, *parts.controls]
    seen = [parts.view_state, parts.sight, parts.earlier, parts.address, parts.query]
    lenses = [parts.view_state, parts.slices, parts.charts, *parts.cloud_parts, *parts.map_parts]
    both = [*listed, *seen[1:3], parts.query]

    def linked(event: Any) -> Any:
        """After an event, what is shown stands in the address."""
        return event.then(None, parts.address, None, js=ADDRESS, **PRIVATE)

    def filtered(event: Any) -> None:
        linked(event).then(events.follow, drawn, lenses, trigger_mode="always_last", **QUIET)

    def viewed(event: Any) -> None:
        linked(event).then(None, parts.query, None, js=MARK, **PRIVATE)

    linked(page.load(events.opening, None, parts.all, **QUIET))
    changed = gr.on(
        [control.input for control in parts.controls],
        events.sift,
        [parts.view_state, *parts.controls],
        listed,
        trigger_mode="always_last",
        **QUIET,
    )
    filtered(changed)
    filtered(parts.clear.click(events.clear, parts.view_state, sifted, **QUIET))
    parts.clear.click(None, None, None, js=UNLASSO, **PRIVATE)
    for chooser in (parts.headline, parts.slices, parts.confused, parts.comparison):
        filtered(chooser.part(events.part, parts.view_state, sifted, **QUIET))
    filtered(parts.cloud.lasso(events.lasso, parts.view_state, listed, **QUIET))
    linked(parts.queries.order(events.order, parts.view_state, listed, **QUIET))
    linked(parts.queries.turn(events.turn, parts.view_state, listed, **QUIET))
    for picked in (parts.queries, parts.cloud, parts.plan):
        viewed(picked.pick(events.pick, asked, seen, trigger_mode="always_last", **QUIET))
    viewed(parts.queries.walk(events.walk, asked, both, trigger_mode="always_last", **QUIET))
    viewed(parts.before.click(events.before, asked, both, **QUIET))
    viewed(parts.after.click(events.after, asked, both, **QUIET))
    looked = gr.on(
        [parts.look.input, parts.against.input, parts.near_m.input],
        events.look,
        asked,
        [*seen, parts.heat],
        **SLOW,
    )
    looked.then(None, parts.opacity, None, js=OPACITY, **PRIVATE)
    parts.opacity.input(None, parts.opacity, None, js=OPACITY, **PRIVATE)
    parts.tabs.select(events.lens, drawn, lenses, **SLOW)
    projected = [parts.view_state, *parts.cloud_parts]
    gr.on([parts.method.input, parts.colour.input], events.project, drawn, projected, **SLOW)
    filtered(
        parts.upload.change(
            events.compare,
            [parts.view_state, parts.upload, *parts.shown_how[1:]],
            [*sifted, *seen[1:3], parts.query, parts.comparison],
            **SLOW,
        )
    )
    for kind, button in parts.takes.items():
        button.click(partial(events.take, kind=kind), parts.view_state, [parts.take, parts.view_state], **SLOW)
    parts.copy.click(None, None, None, js=COPY, **PRIVATE)
