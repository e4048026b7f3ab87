"""The page that shows why retrieval fails: a report as a whole, as a table, query by query, and beside another one."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from gallery.report import export, filters
from gallery.report.filters import Filter, TableView
from gallery.report.ground import ground_counts
from pages.common import cards, formatting, widgets
from pages.common.widgets import PRIVATE, Values
from pages.errors import SPOKEN, BadQuestion, sentence
from pages.inspect import summary
from pages.inspect.components import MAP_ID, Parts, make_parts, top
from pages.inspect.download import figures_file
from pages.inspect.render import (
    ROWS_A_PAGE,
    fresh_card,
    part_of,
    show_cloud,
    show_comparison,
    show_fresh_photo,
    show_lens,
    show_query,
    show_refusal,
    show_rows,
    started_with,
)
from pages.inspect.view_state import EMBEDDINGS, ViewState
from pages.services.heatmaps import DisplayOptions
from pages.services.inspection import InspectionService
from pages.services.kept import AnswerStore

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
WORST_FIRST = TableView(sort="margin")
"""What the page shows where its address asks for nothing."""
GONE = "This photo is not kept any more. Open the first page and ask again."


def inspect_page(service: InspectionService, store: AnswerStore | None = None) -> None:
    """Put the page's parts and events into the Blocks at hand.

    Args:
        service: what is known of the report.
        store: photos that the first page keeps for this one.
    """
    parts = make_parts(service)
    _wire(Events(service, parts, store or AnswerStore()), parts)


def _spoken(answer: Callable[..., Values]) -> Callable[..., Values]:
    """An event's answer that says an error which is meant for the visitor, and changes nothing then."""

    @wraps(answer)
    def safely(self: "Events", given: Values, *event: Any, **more: Any) -> Values:
        try:
            return answer(self, given, *event, **more)
        except SPOKEN as error:
            gr.Warning(sentence(error))
            return self.unchanged(given)

    return safely


def _data(event: gr.EventData) -> dict[str, Any]:
    """What an event carries, from a browser."""
    return event._data if isinstance(event._data, dict) else {}


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, service: InspectionService, parts: Parts, store: AnswerStore) -> None:
        self.service = service
        self.parts = parts
        self.store = store

    def state(self, given: Values) -> ViewState:
        """What the visitor looks at."""
        return given[self.parts.hidden.view_state]

    def unchanged(self, given: Values) -> Values:
        """What an event gives that changes nothing; nothing at all would be an error to Gradio."""
        return {self.parts.hidden.view_state: self.state(given)}

    def opening(self, request: gr.Request) -> Iterator[Values]:
        """The report as the address asks for it, or a photo that the first page keeps."""
        try:
            token = request.query_params.get("photo")
            yield from self._report(str(request.query_params)) if token is None else self._photo(token)
        except SPOKEN as error:
            yield show_refusal(self.parts, error)

    def _photo(self, token: str) -> Iterator[Values]:
        photo = self.store.get(token)
        if photo is None:
            raise BadQuestion(GONE)
        shown = show_fresh_photo(self.parts, photo)
        yield {**shown, self.parts.hidden.address: urlencode({"photo": token})}  # so that a reload brings it back

    def _report(self, asked: str) -> Iterator[Values]:
        service, parts = self.service, self.parts
        inspection = service.inspection()
        view, misread = filters.from_query(asked)
        if view == TableView():
            view = WORST_FIRST
        pair, problem = started_with(service)
        state = ViewState(view, pair)
        table = state.table(service)
        notes = [*inspection.notes, *misread, *filters.missing(view, table), *problem]
        if view.query is None or view.query not in table.index:
            chosen = state.rows(service)
            state = replace(state, view=replace(view, query=str(chosen.index[0]) if len(chosen) else None))
        status = f"{inspection.name} · {formatting.count(len(inspection.table), 'query', 'queries')}"
        yield {
            parts.head.top: top(status, "ready"),
            parts.head.headline: summary.headline(
                inspection.name, *service.overall(), notes, ground_counts(inspection.table)
            ),
            **parts.listing.controls.show(state, table),
            **show_comparison(service, parts, state),
            **show_rows(service, parts, state),
        }
        yield {
            **show_lens(service, parts, state, "pca", "outcome"),
            **show_query(service, parts, state, DisplayOptions()),
        }

    @_spoken
    def sift(self, given: Values) -> Values:
        """The controls were changed; a lasso stays."""
        chosen, state = self.parts.listing.controls.filter(given), self.state(given)
        return self._filtered(state, replace(chosen, ids=state.view.filter.ids))

    @_spoken
    def clear(self, given: Values) -> Values:
        """Take every filter away."""
        return self._filtered(self.state(given), Filter(), controls=True)

    @_spoken
    def part(self, given: Values, event: gr.EventData) -> Values:
        """A row of the slices, a pair of places, a chip of the headline or of the comparison was chosen."""
        state = self.state(given)
        return self._filtered(state, part_of(state, self.service, _data(event)), controls=True)

    @_spoken
    def lasso(self, given: Values, event: gr.EventData) -> Values:
        """Queries were drawn around."""
        drawn, state = _data(event).get("ids"), self.state(given)
        known = state.table(self.service).index
        names = drawn if isinstance(drawn, list) else []
        ids = tuple(name for name in names if isinstance(name, str) and name in known)
        return self._filtered(state, replace(state.view.filter, ids=ids or None))

    def _filtered(self, state: ViewState, chosen: Filter, controls: bool = False) -> Values:
        now = replace(state, view=replace(state.view, filter=chosen, page=1))
        shown = self.parts.listing.controls.show(now, now.table(self.service)) if controls else {}
        return {**shown, **show_rows(self.service, self.parts, now)}

    @_spoken
    def order(self, given: Values, event: gr.EventData) -> Values:
        """The head of a column: once up, twice down."""
        key, state = _data(event).get("key"), self.state(given)
        if not isinstance(key, str) or key not in filters.SORTS:
            return self.unchanged(given)
        down = state.view.sort == key and not state.view.descending
        view = replace(state.view, sort=key, descending=down, page=1)
        return show_rows(self.service, self.parts, replace(state, view=view))

    @_spoken
    def turn(self, given: Values, event: gr.EventData) -> Values:
        """Another page of the table."""
        number, state = _data(event).get("page"), self.state(given)
        view = replace(state.view, page=number if isinstance(number, int) else 1)
        return show_rows(self.service, self.parts, replace(state, view=view))

    @_spoken
    def pick(self, given: Values, event: gr.EventData) -> Values:
        """A query was chosen in the table, the plot or the map."""
        name, state = _data(event).get("query"), self.state(given)
        if not isinstance(name, str) or name not in state.table(self.service).index:
            return self.unchanged(given)
        now = replace(state, view=replace(state.view, query=name))
        return show_query(self.service, self.parts, now, self.parts.query.options(given))

    @_spoken
    def before(self, given: Values) -> Values:
        """The query before this one in the table."""
        return self._step(given, 0)

    @_spoken
    def after(self, given: Values) -> Values:
        """The query after this one in the table."""
        return self._step(given, 1)

    @_spoken
    def walk(self, given: Values, event: gr.EventData) -> Values:
        """An arrow key."""
        return self._step(given, 0 if _data(event).get("by") == -1 else 1)

    def _step(self, given: Values, way: int) -> Values:
        """Choose a neighbour in the table, which turns its pages with it. Args: way: 0: the one before, 1: after."""
        state = self.state(given)
        if state.fresh is not None:
            return self.unchanged(given)
        chosen, name = state.rows(self.service), state.view.query
        if name is not None and name in chosen.index:
            to = filters.neighbours(chosen, name)[way]
        else:
            to = str(chosen.index[0]) if len(chosen) else None
        if to is None:
            return self.unchanged(given)
        number = filters.page_with(chosen, to, ROWS_A_PAGE) or 1
        now = replace(state, view=replace(state.view, query=to, page=number))
        query = show_query(self.service, self.parts, now, self.parts.query.options(given))
        return {**show_rows(self.service, self.parts, now), **query}

    @_spoken
    def look(self, given: Values) -> Values:
        """Pictures, what the network sees, or heat maps."""
        query, state = self.parts.query, self.state(given)
        options = query.options(given)
        shown: Values = {query.heat: gr.Row(visible=options.look in ("similarity", "saliency"))}
        if state.fresh is not None:
            return {**shown, query.sight: fresh_card(state.fresh, options)}
        return {**shown, **show_query(self.service, self.parts, state, options)}

    @_spoken
    def lens(self, given: Values, event: gr.SelectData) -> Values:
        """A tab was opened."""
        now = replace(self.state(given), lens=str(event.value))
        return {self.parts.hidden.view_state: now, **self._lens(given, now)}

    @_spoken
    def follow(self, given: Values) -> Values:
        """The open tab follows the filter, except the cloud, which always shows all."""
        state = self.state(given)
        still = state.fresh is not None or state.lens == EMBEDDINGS
        return self.unchanged(given) if still else self._lens(given, state)

    def _lens(self, given: Values, state: ViewState) -> Values:
        cloud = self.parts.lenses.cloud
        return show_lens(self.service, self.parts, state, given[cloud.method], given[cloud.colour])

    @_spoken
    def project(self, given: Values) -> Values:
        """Another projection or colour of the cloud."""
        cloud = self.parts.lenses.cloud
        return show_cloud(self.service, self.parts, given[cloud.method], given[cloud.colour])

    @_spoken
    def compare(self, given: Values) -> Values:
        """Another report was given, or taken away."""
        parts, file = self.parts, given[self.parts.lenses.compare.upload]
        try:
            pair = None if file is None else self.service.compared(file)
        except SPOKEN as error:
            return {parts.lenses.compare.summary: cards.trouble_card(error)}
        now = replace(self.state(given), compared=pair)
        shown = {**self._filtered(now, Filter(), controls=True), **show_comparison(self.service, parts, now)}
        state, options = shown[parts.hidden.view_state], parts.query.options(given)
        return {**shown, **show_query(self.service, parts, state, options)}

    @_spoken
    def take(self, given: Values, kind: str) -> Values:
        """A file of the rows that pass the filter. Args: kind: csv, geojson, kml, or zip: the figures."""
        state = self.state(given)
        chosen = state.rows(self.service)
        if kind == "zip":
            name, data = "figures.zip", figures_file(self.service, chosen, state.view.query)
        else:
            name, data = f"queries.{kind}", export.render(chosen, kind).encode()  # type: ignore[arg-type]
        return {self.parts.hidden.download: {"name": name, "data": base64.b64encode(data).decode()}}


def _wire(events: Events, parts: Parts) -> None:
    lenses, listing, query, hidden = parts.lenses, parts.listing, parts.query, parts.hidden
    cloud, compare = lenses.cloud, lenses.compare
    state: set[gr.blocks.Block] = {hidden.view_state}
    asked = {*state, *query.given}
    drawn = {*state, cloud.method, cloud.colour}
    listed = [hidden.view_state, listing.count, listing.rows, hidden.address, listing.clear]
    sifted = [*listed, *listing.controls.all]
    looked = [query.sight, query.earlier, hidden.query]
    one = [hidden.view_state, hidden.address, *looked]
    lensed = [hidden.view_state, *lenses.following]

    def linked(event: Any) -> Any:
        """After an event, what is shown stands in the address."""
        return event.then(None, hidden.address, None, js=ADDRESS, **PRIVATE)

    def filtered(event: Any) -> None:
        linked(event).then(events.follow, drawn, lensed, trigger_mode="always_last", **QUIET)

    def viewed(event: Any) -> None:
        linked(event).then(None, hidden.query, None, js=MARK, **PRIVATE)

    rooms = [lenses.column, parts.below, listing.column, query.steps]
    all_of_it = [*parts.head.all, *rooms, *sifted, *looked, *lenses.following, compare.summary]
    linked(widgets.page_at_hand().load(events.opening, None, all_of_it, **QUIET))
    changes = [control.input for control in listing.controls.all]
    given = {*state, *listing.controls.all}
    filtered(gr.on(changes, events.sift, given, listed, trigger_mode="always_last", **QUIET))
    filtered(listing.clear.click(events.clear, state, sifted, **QUIET))
    listing.clear.click(None, None, None, js=UNLASSO, **PRIVATE)
    for chooser in (parts.head.headline, lenses.slices, lenses.map.confused, compare.summary):
        filtered(chooser.part(events.part, state, sifted, **QUIET))
    filtered(cloud.plot.lasso(events.lasso, state, listed, **QUIET))
    linked(listing.rows.order(events.order, state, listed, **QUIET))
    linked(listing.rows.turn(events.turn, state, listed, **QUIET))
    for picked in (listing.rows, cloud.plot, lenses.map.plan):
        viewed(picked.pick(events.pick, asked, one, trigger_mode="always_last", **QUIET))
    viewed(listing.rows.walk(events.walk, asked, [*listed, *looked], trigger_mode="always_last", **QUIET))
    viewed(query.before.click(events.before, asked, [*listed, *looked], **QUIET))
    viewed(query.after.click(events.after, asked, [*listed, *looked], **QUIET))
    displays = [query.look.input, query.against.input, query.near_m.input]
    displayed = gr.on(displays, events.look, asked, [*one, query.heat], **SLOW)
    displayed.then(None, query.opacity, None, js=OPACITY, **PRIVATE)
    query.opacity.input(None, query.opacity, None, js=OPACITY, **PRIVATE)
    lenses.tabs.select(events.lens, drawn, lensed, **SLOW)
    projected = [hidden.view_state, cloud.plot, cloud.note]
    gr.on([cloud.method.input, cloud.colour.input], events.project, drawn, projected, **SLOW)
    compared = [*sifted, *looked, compare.summary]
    filtered(compare.upload.change(events.compare, {compare.upload, *asked}, compared, **SLOW))
    for kind, button in listing.files.items():
        button.click(partial(events.take, kind=kind), state, [hidden.download, hidden.view_state], **SLOW)
    listing.copy.click(None, None, None, js=COPY, **PRIVATE)
