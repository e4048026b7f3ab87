"""The page of galleries: what there is to choose, one on the map with its health, its tiles, and a visitor's own."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from gallery.build.pipeline import Progress
from pages.common import cards, maps, widgets
from pages.common.gallery_map import MOST_FOOTPRINTS
from pages.common.widgets import PRIVATE, QUIET, Values
from pages.errors import SPOKEN
from pages.galleries import render
from pages.galleries.build_form import plan_card
from pages.galleries.components import LOOKING, NO_TILE, PROMISE, Parts, make_parts
from pages.gallery_picker import Remembered
from pages.services.catalog import CatalogEntry
from pages.services.galleries import GalleriesService
from pages.services.request_limits import counts
from pages.services.upload import plan
from pages.services.visitor_builds import MOST_EACH, Visitor, VisitorBuilds, progress_text

NOT_SHOWN = "This gallery cannot be shown"
SLOW: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 2, "concurrency_id": "galleries", **PRIVATE}
BUILDS: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "builds", **PRIVATE}
INTO_SIGHT = """() => { const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector('#planned').scrollIntoView({behavior: calm ? 'auto' : 'smooth', block: 'nearest'});
  if (document.querySelector('#planned .error')) return;
  document.querySelector('#galleries').scrollIntoView({behavior: calm ? 'auto' : 'smooth', block: 'nearest'}); }"""
"""Script that brings into sight what came of a build: its card, or the list in which it is chosen now."""


def galleries_page(service: GalleriesService, builds: VisitorBuilds) -> None:
    """Put the page's parts and events into the Blocks at hand. Args: builds: makes visitors' own."""
    parts = make_parts(builds)
    _wire(Events(service, builds, parts), parts)


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, service: GalleriesService, builds: VisitorBuilds, parts: Parts) -> None:
        self.service = service
        self.builds = builds
        self.parts = parts
        self.picker = parts.picker
        self._building: dict[str, threading.Event] = {}  # by session: set when its visitor stops or leaves

    def opening(self, remembered: Any) -> Iterator[Values]:
        """The galleries, and the one that this visitor chose before."""
        entry, menu = self.picker.restore(remembered)
        yield from self._show_gallery(entry, remembered, menu)

    def turned_to(self, remembered: Any, key: Any) -> Iterator[Values]:
        """Another gallery was chosen."""
        entry, stored = self.picker.choose(remembered, key)
        yield from self._show_gallery(entry, remembered, stored)

    def of_list(self, remembered: Any, event: gr.EventData) -> Iterator[Values]:
        """A row of the list was chosen; what it carries comes from the browser."""
        entry, stored = self.picker.choose(remembered, getattr(event, "key", None))
        menu = self.picker.menu_of(Remembered.read(remembered), entry)
        yield from self._show_gallery(entry, remembered, {self.picker.menu: menu, **stored})

    def _show_gallery(self, entry: CatalogEntry, remembered: Any, chosen: Values) -> Iterator[Values]:
        """What the page shows of a gallery.

        Args:
            entry: of the gallery.
            remembered: by the browser.
            chosen: what the choice itself changes; it is sent first and last, for of updates that come faster than a
                busy browser draws, only the last is sure to be kept.
        """
        parts = self.parts
        kept = {**chosen, **parts.own.of(entry)}
        yield {parts.health: LOOKING, parts.tile: NO_TILE, **kept}
        try:
            page = maps.iframe(self.service.map_page(entry.key), title="Map of the gallery") + render.legend()
            yield {parts.plan: page, parts.head: cards.header(entry.title, "ready", PROMISE)}
        except SPOKEN as error:
            head = cards.header(entry.title, "error", PROMISE)
            yield {parts.plan: "", parts.health: cards.trouble_card(error, NOT_SHOWN), parts.head: head}
        facts = self.service.facts(Remembered.read(remembered).own)
        yield {parts.listing: render.gallery_list(facts, entry.key), **kept}

    def examined(self, key: Any) -> str:
        """The health of the gallery that is shown."""
        try:
            return render.health_card(self.service.health(key))
        except SPOKEN as error:
            return cards.trouble_card(error, NOT_SHOWN)

    def picked(self, key: Any, event: gr.EventData) -> Any:
        """A tile was clicked on the map."""
        number = widgets.picked_number(event, MOST_FOOTPRINTS)
        if number is None:
            return gr.skip()
        try:
            return render.tile_card(self.service.tile(key, number - 1))
        except SPOKEN as error:
            return cards.trouble_card(error)

    def planning(self, given: Values) -> Values:
        """What a build would make, before it begins."""
        form = self.parts.form
        nothing = {form.build: gr.Button(interactive=False), form.anyway: gr.Checkbox(False, visible=False)}
        if given[form.file] is None:
            return {form.planned: "", **nothing}
        try:
            request = form.request(given)
            made = plan(request.raster, request.tile_size_m, request.overlap)
        except SPOKEN as error:
            return {form.planned: cards.trouble_card(error, "This cannot be built"), **nothing}
        doubted = bool(made.doubt)
        return {
            form.planned: plan_card(request, made),
            form.anyway: gr.Checkbox(visible=doubted),
            form.build: gr.Button(interactive=not doubted or bool(given[form.anyway])),
        }

    def making(self, given: Values, request: gr.Request, progress=gr.Progress()) -> Iterator[Values]:  # noqa: B008
        """Build it, and turn to it."""
        form, session, stopped = self.parts.form, str(request.session_hash), threading.Event()
        self._building[session] = stopped

        def step(so_far: Progress) -> None:
            progress((so_far.done, so_far.total), desc=progress_text(so_far), unit="tiles")

        idle = {form.stop: gr.Button(interactive=False), form.build: gr.Button(interactive=True)}
        yield {
            form.stop: gr.Button(interactive=True),
            form.build: gr.Button(interactive=False),
            form.planned: '<div class="card waiting room"></div>',  # the progress bar lies over it
        }
        try:
            entry = self.builds.build(form.request(given), step, stopped.is_set, _visitor_of(request))
        except SPOKEN as error:
            yield {**idle, form.planned: cards.trouble_card(error, "No gallery was built")}
            return
        finally:
            self._building.pop(session, None)
        remembered = self._with_own(Remembered.read(given[self.picker.browser]), entry)
        done = cards.message_card("Built", f"{entry.title} is chosen now, here and on the other pages.")
        chosen = {**idle, **self.picker.remember(remembered, entry), form.planned: done}
        yield from self._show_gallery(entry, remembered.to_dict(), chosen)

    def _with_own(self, remembered: Remembered, entry: CatalogEntry) -> Remembered:
        """What a browser is to remember after a build; the oldest of too many own galleries goes."""
        own = (*remembered.own, entry.key)
        for old in own[:-MOST_EACH]:
            self.builds.catalog.drop(old)
        return Remembered(entry.key, own[-MOST_EACH:])

    def stop(self, request: gr.Request) -> None:
        """The visitor stopped the build, or left the page."""
        event = self._building.get(str(request.session_hash))
        if event is not None:
            event.set()

    def removing(self, remembered: Any, key: Any) -> Iterator[Values]:
        """Forget an own gallery at once."""
        self.builds.catalog.drop(str(key))
        known, first = Remembered.read(remembered), self.builds.catalog.first
        now = replace(known, chosen=first.key, own=tuple(own for own in known.own if own != key))
        chosen = {**self.picker.remember(now, first), self.parts.form.planned: ""}
        yield from self._show_gallery(first, now.to_dict(), chosen)


def _visitor_of(request: gr.Request) -> Visitor:
    address = request.client.host if request.client else ""
    return Visitor(str(request.session_hash), address if counts(address) else "")


def _wire(events: Events, parts: Parts) -> None:
    page, form = widgets.page_at_hand(), parts.form
    menu, browser = parts.picker.menu, parts.picker.browser
    opened = page.load(events.opening, browser, [menu, *parts.gallery_view], **SLOW)
    turned = menu.input(events.turned_to, [browser, menu], [browser, *parts.gallery_view], **SLOW)
    of_row = parts.listing.turn(events.of_list, browser, [browser, menu, *parts.gallery_view], **SLOW)
    for event in (opened, turned, of_row):
        event.then(events.examined, menu, parts.health, **SLOW)
    parts.plan.pick(events.picked, menu, parts.tile, **QUIET)

    changes = [form.file.change, form.tile_size_m.change, form.overlap.release, form.anyway.input]
    gr.on(changes, events.planning, form.given, [form.planned, form.anyway, form.build], **QUIET)
    changed = [browser, menu, form.planned, *parts.gallery_view]
    built = form.build.click(
        events.making,
        {browser, *form.given},
        [form.build, form.stop, *changed],
        show_progress_on=form.planned,
        **BUILDS,
    )
    built.then(None, None, None, js=INTO_SIGHT, **PRIVATE)
    removed = parts.own.remove.click(events.removing, [browser, menu], changed, **QUIET)
    for event in (built, removed):
        event.then(events.examined, menu, parts.health, **QUIET)
    form.stop.click(events.stop, None, None, queue=False, **QUIET)
    page.unload(events.stop)
