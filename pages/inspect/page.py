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
"""The link to what is shown stands in the address bar."""
COPY = """async () => { const button = document.querySelector('#copy-link'), text = button.textContent;
  try { await navigator.clipboard.writeText(location.href); button.textContent = '✓ Copied'; }
  catch { prompt('The link to this view', location.href); }
  setTimeout(() => { button.textContent = text; }, 1500); }"""
OPACITY = "(value) => document.querySelector('#sight').style.setProperty('--heat', value / 100)"
MARK = f"""(query) => document.querySelector('#{MAP_ID} iframe')
  ?.contentWindow.postMessage({{src: 'mean-page', query}}, '*')"""
"""The chosen query's line on the map of errors stands out."""
UNLASSO = "() => document.querySelector('#cloud canvas')?.dispatchEvent(new Event('clear'))"
WORST_FIRST = View(sort="margin")
"""What the page shows where its address asks for nothing."""
GONE = "This photo is not kept any more. Open the first page and ask again."

Shown = dict[Any, Any]
"""New values by component."""


def inspect_page(bench: InspectionService, kept: ExpiringStore[FreshPhoto] | None = None) -> None:
    """Put the page's parts and events into the Blocks at hand.

    Args: kept: photos that the first page keeps for this one.
    """
    parts = make_parts(bench)
    _wire(Events(bench, parts, kept or ExpiringStore()), parts)


def _spoken(answer: Callable[..., Shown]) -> Callable[..., Shown]:
    """An event's answer that says an error which is meant for the visitor, and changes nothing then."""

    @wraps(answer)
    def safely(self: "Events", looking: ViewState, *values: Any, **more: Any) -> Shown:
        try:
            return answer(self, looking, *values, **more)
        except SPOKEN as error:
            gr.Warning(sentence(error))
            return {self.parts.looking: looking}

    return safely


def _said(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, bench: InspectionService, parts: Parts, kept: ExpiringStore[FreshPhoto]) -> None:
        self.bench = bench
        self.parts = parts
        self.kept = kept

    def opening(self, request: gr.Request) -> Iterator[Shown]:
        """The report as the address asks for it, or a photo that the first page keeps."""
        try:
            token = request.query_params.get("photo")
            yield from self._report(str(request.query_params)) if token is None else self._photo(token)
        except SPOKEN as error:
            yield refused(self.parts, error)

    def _photo(self, token: str) -> Iterator[Shown]:
        photo = self.kept.get(token)
        if photo is None:
            raise BadQuestion(GONE)
        yield fresh_photo(self.parts, photo)

    def _report(self, asked: str) -> Iterator[Shown]:
        bench, parts = self.bench, self.parts
        inspection = bench.inspection()
        view, misread = filters.from_query(asked)
        if view == View():
            view = WORST_FIRST
        pair, problem = started_with(bench)
        looking = ViewState(view, pair)
        table = looking.table(bench)
        notes = [*inspection.notes, *misread, *filters.missing(view, table), *problem]
        if view.query is None or view.query not in table.index:
            chosen = looking.rows(bench)
            looking = replace(looking, view=replace(view, query=str(chosen.index[0]) if len(chosen) else None))
        yield {
            parts.top: top(
                f"{inspection.name} · {formatting.count(len(inspection.table), 'query', 'queries')}", "ready"
            ),
            parts.headline: summary.headline(inspection.name, *bench.overall(), notes),
            **set_controls(parts, looking, table),
            **show_comparison(bench, parts, looking),
            **show_rows(bench, parts, looking),
        }
        yield {
            **show_lens(bench, parts, looking, "pca", "outcome"),
            **show_query(bench, parts, looking, DisplayOptions()),
        }

    @_spoken
    def sift(self, looking: ViewState, *values: Any) -> Shown:
        """The controls were changed; a lasso stays."""
        return self._filtered(looking, replace(filter_of(*values), ids=looking.view.filter.ids))

    @_spoken
    def clear(self, looking: ViewState) -> Shown:
        """No filter."""
        return self._filtered(looking, Filter(), controls=True)

    @_spoken
    def part(self, looking: ViewState, event: gr.EventData) -> Shown:
        """A row of the slices, a pair of places, a chip of the headline or of the comparison was chosen."""
        return self._filtered(looking, part_of(looking, self.bench, _said(event)), controls=True)

    @_spoken
    def lasso(self, looking: ViewState, event: gr.EventData) -> Shown:
        """Queries were drawn around."""
        given = _said(event).get("ids")
        known = looking.table(self.bench).index
        ids = (
            tuple(name for name in given if isinstance(name, str) and name in known) if isinstance(given, list) else ()
        )
        return self._filtered(looking, replace(looking.view.filter, ids=ids or None))

    def _filtered(self, looking: ViewState, chosen: Filter, controls: bool = False) -> Shown:
        now = replace(looking, view=replace(looking.view, filter=chosen, page=1))
        shown = set_controls(self.parts, now, now.table(self.bench)) if controls else {}
        return {**shown, **show_rows(self.bench, self.parts, now)}

    @_spoken
    def order(self, looking: ViewState, event: gr.EventData) -> Shown:
        """The head of a column: once up, twice down."""
        key = _said(event).get("key")
        if not isinstance(key, str) or key not in filters.SORTS:
            return {self.parts.looking: looking}
        down = looking.view.sort == key and not looking.view.descending
        view = replace(looking.view, sort=key, descending=down, page=1)
        return show_rows(self.bench, self.parts, replace(looking, view=view))

    @_spoken
    def turn(self, looking: ViewState, event: gr.EventData) -> Shown:
        """Another page of the table."""
        number = _said(event).get("page")
        view = replace(looking.view, page=number if isinstance(number, int) else 1)
        return show_rows(self.bench, self.parts, replace(looking, view=view))

    @_spoken
    def pick(self, looking: ViewState, look: Any, against: Any, near_m: Any, event: gr.EventData) -> Shown:
        """A query was chosen in the table, the plot or the map."""
        name = _said(event).get("query")
        if not isinstance(name, str) or name not in looking.table(self.bench).index:
            return {self.parts.looking: looking}
        now = replace(looking, view=replace(looking.view, query=name))
        return show_query(self.bench, self.parts, now, DisplayOptions.read(look, against, near_m))

    @_spoken
    def before(self, looking: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """The query before this one in the table."""
        return self._step(looking, 0, DisplayOptions.read(look, against, near_m))

    @_spoken
    def after(self, looking: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """The query after this one in the table."""
        return self._step(looking, 1, DisplayOptions.read(look, against, near_m))

    @_spoken
    def walk(self, looking: ViewState, look: Any, against: Any, near_m: Any, event: gr.EventData) -> Shown:
        """An arrow key."""
        return self._step(looking, 0 if _said(event).get("by") == -1 else 1, DisplayOptions.read(look, against, near_m))

    def _step(self, looking: ViewState, way: int, how: DisplayOptions) -> Shown:
        """To a neighbour in the table; the table turns with it."""
        if looking.fresh is not None:
            return {self.parts.looking: looking}
        chosen, name = looking.rows(self.bench), looking.view.query
        if name is not None and name in chosen.index:
            to = filters.neighbours(chosen, name)[way]
        else:
            to = str(chosen.index[0]) if len(chosen) else None
        if to is None:
            return {self.parts.looking: looking}
        number = filters.page_with(chosen, to, ROWS_A_PAGE) or 1
        now = replace(looking, view=replace(looking.view, query=to, page=number))
        return {**show_rows(self.bench, self.parts, now), **show_query(self.bench, self.parts, now, how)}

    @_spoken
    def look(self, looking: ViewState, look: Any, against: Any, near_m: Any) -> Shown:
        """Pictures, what the network sees, or heat maps."""
        how = DisplayOptions.read(look, against, near_m)
        shown = {self.parts.heat: gr.Row(visible=look in ("similarity", "saliency"))}
        if looking.fresh is not None:
            return {**shown, self.parts.sight: fresh_card(looking.fresh, how)}
        return {**shown, **show_query(self.bench, self.parts, looking, how)}

    @_spoken
    def lens(self, looking: ViewState, method: Any, colour: Any, event: gr.SelectData) -> Shown:
        """A tab was opened."""
        now = replace(looking, lens=str(event.value))
        return {self.parts.looking: now, **show_lens(self.bench, self.parts, now, method, colour)}

    @_spoken
    def follow(self, looking: ViewState, method: Any, colour: Any) -> Shown:
        """The open tab follows the filter, except the cloud, which always shows all."""
        still = looking.fresh is not None or looking.lens == EMBEDDINGS
        return {self.parts.looking: looking} if still else show_lens(self.bench, self.parts, looking, method, colour)

    @_spoken
    def project(self, looking: ViewState, method: Any, colour: Any) -> Shown:
        """Another projection or colour of the cloud."""
        return show_cloud(self.bench, self.parts, method, colour)

    @_spoken
    def compare(self, looking: ViewState, file: str | None, look: Any, against: Any, near_m: Any) -> Shown:
        """Another report was given, or taken away."""
        try:
            pair = None if file is None else self.bench.compared(file)
        except SPOKEN as error:
            return {self.parts.comparison: cards.trouble_card(error)}
        now = replace(looking, compared=pair)
        shown = {**self._filtered(now, Filter(), controls=True), **show_comparison(self.bench, self.parts, now)}
        return {
            **shown,
            **show_query(self.bench, self.parts, shown[self.parts.looking], DisplayOptions.read(look, against, near_m)),
        }

    @_spoken
    def take(self, looking: ViewState, kind: str) -> Shown:
        """A file of the rows that pass the filter. Args: kind: csv, geojson, kml, or zip: the figures."""
        chosen = looking.rows(self.bench)
        if kind == "zip":
            name, data = "figures.zip", figures_file(self.bench, chosen, looking.view.query)
        else:
            name, data = f"queries.{kind}", export.render(chosen, kind).encode()  # type: ignore[arg-type]
        return {self.parts.take: {"name": name, "data": base64.b64encode(data).decode()}}


def _wire(events: Events, parts: Parts) -> None:
    page = gr.context.Context.root_block
    assert page is not None
    asked = parts.shown_how
    drawn = [parts.looking, parts.method, parts.colour]
    listed = [parts.looking, parts.count, parts.queries, parts.address, parts.clear]
    sifted = [*listed, *parts.controls]
    seen = [parts.looking, parts.sight, parts.earlier, parts.address, parts.query]
    lenses = [parts.looking, parts.slices, parts.charts, *parts.cloud_parts, *parts.map_parts]
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
        [parts.looking, *parts.controls],
        listed,
        trigger_mode="always_last",
        **QUIET,
    )
    filtered(changed)
    filtered(parts.clear.click(events.clear, parts.looking, sifted, **QUIET))
    parts.clear.click(None, None, None, js=UNLASSO, **PRIVATE)
    for chooser in (parts.headline, parts.slices, parts.confused, parts.comparison):
        filtered(chooser.part(events.part, parts.looking, sifted, **QUIET))
    filtered(parts.cloud.lasso(events.lasso, parts.looking, listed, **QUIET))
    linked(parts.queries.order(events.order, parts.looking, listed, **QUIET))
    linked(parts.queries.turn(events.turn, parts.looking, listed, **QUIET))
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
    projected = [parts.looking, *parts.cloud_parts]
    gr.on([parts.method.input, parts.colour.input], events.project, drawn, projected, **SLOW)
    filtered(
        parts.upload.change(
            events.compare,
            [parts.looking, parts.upload, *parts.shown_how[1:]],
            [*sifted, *seen[1:3], parts.query, parts.comparison],
            **SLOW,
        )
    )
    for kind, button in parts.takes.items():
        button.click(partial(events.take, kind=kind), parts.looking, [parts.take, parts.looking], **SLOW)
    parts.copy.click(None, None, None, js=COPY, **PRIVATE)
