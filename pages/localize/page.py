"""The page that answers "where was this photo taken?": one photo or several, on one map."""

import filecmp
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from gallery.errors import Interrupted
from gallery.photo.correction import NOTHING_SET
from mean_model import PhotoError
from pages.common import cards, widgets
from pages.common.guarded_blocks import is_uploaded
from pages.common.widgets import PRIVATE, QUIET, SCROLL, Values
from pages.errors import SPOKEN, BadQuestion, sentence
from pages.gallery_picker import Remembered
from pages.localize.address import LEAST_KM, MOST_KM, PLAIN, Address, can_be_written
from pages.localize.components import LOADING, MAP_ID, Parts, make_parts
from pages.localize.render import (
    GONE,
    STOPPED,
    show_answer,
    show_nothing,
    show_photos,
    show_refusal,
)
from pages.localize.web_api import web_api
from pages.services.catalog import GalleryCatalog
from pages.services.kept import FreshPhoto, FreshPhotos
from pages.services.locate import LocateService
from pages.services.place_search import PlaceSearch
from pages.services.question import PhotoQuestion
from pages.services.work import Work, Works

ANSWERS: dict[str, Any] = {"concurrency_limit": 4, "concurrency_id": "answers", **PRIVATE}
WAITING = cards.message_card(*LOADING, kind="waiting")
SEARCHING = cards.message_card(
    "Searching", "The photo is compared with every tile and laid on the ground of the best ones.", "waiting"
)
SEARCHING_MANY = cards.message_card(
    "Searching", "Each photo is looked for by itself. Stop keeps what was answered until then.", "waiting"
)


def localize_page(catalog: GalleryCatalog, places: PlaceSearch | None = None) -> None:
    """Put the page's parts and events into the Blocks at hand. Args: places: as `make_parts` has it."""
    parts = make_parts(catalog, places)
    _wire(Events(catalog, parts, places), parts)
    web_api(catalog)


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, catalog: GalleryCatalog, parts: Parts, places: PlaceSearch | None = None) -> None:
        self.catalog = catalog
        self.places = places
        self.parts = parts
        self.inputs = parts.inputs
        self.outputs = parts.outputs
        self._works = Works()

    def reveal(self, where: str) -> Values:
        """What has to be given for the area that is searched."""
        settings = self.inputs.settings
        return {
            settings.point: gr.Row(visible=where == "point"),
            settings.radius_km: gr.Slider(visible=where != "all"),
            settings.again: gr.Button(visible=where == "point"),
        }

    def opening(self, remembered: Any, request: gr.Request) -> Iterator[Values]:
        """Say what answers here, as soon as it can."""
        address = Address.read(str(request.query_params))
        entry, menu = self.inputs.picker.restore(remembered)
        if address == Address() and entry is self.catalog.first:
            yield menu  # nothing else is touched: a quick visitor may have dropped a photo already
            yield self._status(entry.service)
        else:
            yield from self._turn_to(address, remembered)

    def of_address(self, remembered: Any, event: gr.EventData, request: gr.Request) -> Iterator[Values]:
        """Back, Forward or a link asks for what an address names."""
        query = event._data.get("address") if isinstance(event._data, dict) else None
        self._works.stop(str(request.session_hash), drop=True)
        for shown in self._turn_to(Address.read(query), remembered):
            yield {**shown, self.outputs.mode: "new"}

    def _turn_to(self, address: Address, remembered: Any) -> Iterator[Values]:
        """The gallery and the settings that an address names, and then what answers there."""
        picker = self.inputs.picker
        entry, menu = picker.restore(remembered)
        kept = self._kept(address)
        named = self.catalog.get(address.gallery) if address.gallery else entry
        named = named if kept is None else self.catalog.of_engine(kept.engine) or named
        if named is not entry:
            entry, menu = named, {picker.menu: picker.menu_of(Remembered.read(remembered), named)}
        question = address.question if kept is None else kept.question
        examples = self.inputs.examples.of(entry.service)
        path = next((path for path in entry.service.examples[:1]), None)
        if isinstance(kept, FreshPhoto):
            path = kept.source if kept.source is not None and self._can_be_asked(kept.source) else None
        elif kept is None:
            path = self._example(entry.service, address) or path
        photo = None if path is None else str(path)
        shown: Values = {
            **menu,
            **examples,
            **self.inputs.settings.shown(question),
            self.inputs.photo: photo,
            self.outputs.asked: question,
            self.parts.address: address,
        }
        yield shown
        # Of updates that come faster than a busy browser takes them, only the last is sure to be kept.
        yield {**shown, **self._status(entry.service)}

    def _kept(self, address: Address) -> FreshPhoto | FreshPhotos | None:
        store = self.catalog.first.service.store
        return store.get(address.answer) if address.answer else store.get_set(address.answers)

    def _can_be_asked(self, path: Path) -> bool:
        """Whether a photo is still there: as an upload, or as an example that everybody is offered."""
        return path in self.catalog.offered() or is_uploaded(str(path))

    @staticmethod
    def _example(service: LocateService, address: Address) -> Path | None:
        return next((path for path in service.examples if path.stem == address.example), None)

    def turned_to(self, remembered: Any, key: str) -> Iterator[Values]:
        """Another gallery was chosen."""
        entry, stored = self.inputs.picker.choose(remembered, key)
        waiting = {self.parts.head: cards.header("Loading the model…"), self.outputs.card: WAITING}
        yield {**stored, **({} if entry.service.engine.ready else waiting)}
        yield self._status(entry.service)

    def _status(self, service: LocateService) -> Values:
        """What answers here, and where its gallery lies; or why it cannot."""
        settings = self.inputs.settings
        try:
            middle = service.middle()
            head = cards.header(service.status(), "ready", region=service.region)
            return {self.parts.head: head, settings.lon: middle.lon, settings.lat: middle.lat}
        except SPOKEN as error:
            head = cards.header("Not ready", "error")
            return {self.parts.head: head, self.outputs.card: cards.trouble_card(error), self.outputs.plan: ""}

    def first(self, key: str, mode: str, address: Address) -> Iterator[Values]:
        """What the address names, or the first example's answer, unless the visitor was quicker."""
        service = self.catalog.get(key).service
        if mode != "new" or service.engine.problem:
            yield {self.outputs.mode: mode}
            return
        service.engine.settle()
        kept = self._kept(address)
        if address.answer or address.answers:
            yield self._or_refusal(service, lambda: self._show_kept(service, address, kept))
            return
        named = self._example(service, address)
        if service.first and address.question == PLAIN and named in (None, service.examples[0]):
            yield show_answer(self.outputs, service.first, self._address(service, service.examples[0], PLAIN, ""))
        elif path := named or next(iter(service.examples), None):
            yield {self.outputs.card: SEARCHING}
            yield self._or_refusal(service, lambda: self._show_asked(service, path, address.question, bool))
        else:
            yield self._nothing(service)

    def _show_kept(self, service: LocateService, address: Address, kept: FreshPhoto | FreshPhotos | None) -> Values:
        if kept is None or kept.engine is not service.engine:
            return show_nothing(self.outputs, service, GONE)
        if isinstance(kept, FreshPhotos):
            return show_photos(self.outputs, service.view_many(kept, address.answers), address.query)
        whole, _, number = address.answer.partition(".")
        among = Address(answers=whole).query if number else ""
        return show_answer(self.outputs, service.view(kept, address.answer), address.query, among)

    def _show_asked(
        self, service: LocateService, path: Path, question: PhotoQuestion, stopped: Callable[[], bool]
    ) -> Values:
        shown = service.ask(path, question, stopped=stopped)
        return show_answer(self.outputs, shown, self._address(service, path, question, shown.stored_as))

    def _address(self, service: LocateService, path: Path, question: PhotoQuestion, stored_as: str) -> str:
        """The address of an answer: of an example what was asked, else the name under which it is kept."""
        entry = self.catalog.of_engine(service.engine)
        known = next((each for each in service.examples if each.name == path.name), None)
        if entry is None or entry.own or known is None or not can_be_written(question):
            return Address(answer=stored_as).query
        if known != path and not filecmp.cmp(known, path, shallow=False):
            return Address(answer=stored_as).query
        first = known == service.examples[0] and question == PLAIN
        gallery = "" if entry is self.catalog.first else entry.key
        return Address(gallery, "" if first else known.stem, question=question).query

    def ask_there(self, given: Values, request: gr.Request) -> Iterator[Values]:
        """Ask the photos at hand in the gallery that was chosen; an example gives way to that gallery's own."""
        service, outputs = self._service(given), self.outputs
        mode, path = given[outputs.mode], given[self.inputs.photo]
        if service.engine.problem:
            nothing_else = {outputs.fit: "", outputs.details: gr.Column(visible=False), outputs.count: 0}
            yield {**self.inputs.of(service), **nothing_else, outputs.mode: mode}
        elif mode == "many" and given[self.inputs.files]:
            yield self.inputs.examples.of(service)
            yield from self.many(given, request)
        elif path is None or Path(path).name in {file.name for file in self.catalog.offered()}:
            yield self.inputs.of(service)
            yield from self.first(given[self.inputs.picker.menu], "new", Address())
        else:
            yield self.inputs.examples.of(service)
            yield from self.corrected(given, request)

    def one(self, given: Values, request: gr.Request) -> Iterator[Values]:
        """Answer another photo than before, by what its file states."""
        yield from self._one(given, self.inputs.settings.question(given), request)

    def corrected(self, given: Values, request: gr.Request) -> Iterator[Values]:
        """Answer the photo at hand with what was set of its camera by hand."""
        pose = self.inputs.pose
        try:
            question = replace(self.inputs.settings.question(given), correction=pose.correction(given))
        except SPOKEN as error:
            yield {self.outputs.card: cards.trouble_card(error)}
            return
        yield from self._one(given, question, request)

    def _one(self, given: Values, question: PhotoQuestion, request: gr.Request) -> Iterator[Values]:
        service, path = self._service(given), given[self.inputs.photo]
        if not service.engine.ready:
            yield {self.outputs.card: WAITING}
        if path is None:
            yield self._nothing(service)
            return
        session = str(request.session_hash)
        work = self._works.begin(session)
        yield {self.outputs.card: SEARCHING, self.outputs.stop: gr.Button(visible=True)}
        try:
            yield self._or_refusal(
                service,
                lambda: self._show_asked(service, Path(path), question, work.stopped),
                PhotoError,
                Interrupted,
            )
        except Interrupted:
            yield from self._stopped(service, work)
        except PhotoError as error:
            # Nothing can be asked about this file: make room for another one.
            yield {**show_refusal(self.outputs, service, error), self.inputs.photo: None}
        finally:
            self._works.end(session, work)

    def _stopped(self, service: LocateService, work: Work) -> Iterator[Values]:
        """What is shown of a question that was stopped before its answer."""
        if not work.dropped:
            yield self._or_refusal(service, lambda: show_nothing(self.outputs, service, STOPPED))

    def many(self, given: Values, request: gr.Request, progress=gr.Progress()) -> Iterator[Values]:  # noqa: B008
        """Answer all photos at hand."""
        service, paths = self._service(given), given[self.inputs.files]
        if not service.engine.ready:
            yield {self.outputs.card: WAITING}

        def step(done: int, total: int) -> None:
            progress((done, total), desc="Photos answered", unit="photos")

        def show() -> Values:
            shown = service.ask_many(paths, question, step, work.stopped)
            return show_photos(self.outputs, shown, Address(answers=shown.stored_as).query)

        if not paths:
            yield self._nothing(service)
            return
        question, session = self.inputs.settings.question(given), str(request.session_hash)
        work = self._works.begin(session)
        yield {self.outputs.card: SEARCHING_MANY, self.outputs.stop: gr.Button(visible=True)}
        try:
            shown = self._or_refusal(service, show, Interrupted)
            if not work.dropped:
                yield shown
        except Interrupted:
            yield from self._stopped(service, work)
        finally:
            self._works.end(session, work)

    def same(self, given: Values, request: gr.Request) -> Iterator[Values]:
        """Ask again what was asked last, with the settings of now; wait while a point has no coordinates yet."""
        question, mode = self.inputs.settings.question(given), given[self.outputs.mode]
        if question.where == "point" and (question.lon is None or question.lat is None):
            yield {self.outputs.mode: mode}
        else:
            yield from self.many(given, request) if mode == "many" else self.corrected(given, request)

    def changed(self, given: Values, request: gr.Request) -> Iterator[Values]:
        """A number has changed: ask again, unless it is the one of what is shown (an address brought it back)."""
        asked = given[self.outputs.asked]
        if asked is not None and replace(asked, correction=NOTHING_SET) == self.inputs.settings.question(given):
            yield {self.outputs.mode: given[self.outputs.mode]}
        else:
            yield from self.same(given, request)

    def stop(self, request: gr.Request) -> None:
        """The visitor waits no more; what was answered is shown."""
        self._works.stop(str(request.session_hash))

    def leave(self, request: gr.Request) -> None:
        """The visitor took the photos away, or left."""
        self._works.stop(str(request.session_hash), drop=True)

    def removed(self, key: str) -> Values:
        """The photo was taken away."""
        return self._nothing(self.catalog.get(key).service)

    def choose(self, key: str, event: gr.SelectData) -> str:
        """An example was chosen. Returns: its file."""
        return str(self.catalog.get(key).service.examples[int(event.index)])

    def of_strip(self, event: gr.SelectData) -> int:
        """A tile was chosen in the strip. Returns: its number on the map."""
        return int(event.index) + 1

    def of_table(self, mode: str, shown_set: str, event: gr.SelectData) -> Any:
        """A row of the table was chosen: by its own number, for after sorting or filtering its index is another.

        Of several photos it opens the answer; of one photo's tiles the map flies there.
        """
        first = event.row_value[0] if event.row_value else ""
        if not str(first).isdigit():
            return gr.skip()
        if mode != "many":
            return {self.parts.flown_to: int(first), self.outputs.strip: gr.Gallery(selected_index=int(first) - 1)}
        address = Address(answer=f"{shown_set}.{first}")
        kept = self._kept(address)
        entry = None if kept is None else self.catalog.of_engine(kept.engine)
        service = self.catalog.first.service if entry is None else entry.service
        shown = self._or_refusal(service, lambda: self._show_kept(service, address, kept))
        source = kept.source if isinstance(kept, FreshPhoto) else None
        photo = str(source) if source is not None and self._can_be_asked(source) else None
        return {**shown, self.parts.flown_to: 0, self.inputs.photo: photo}

    def of_map(self, count: int, event: gr.EventData) -> Any:
        """A marker was clicked on the map."""
        picked = widgets.picked_number(event, count)
        return gr.skip() if picked is None else gr.Gallery(selected_index=picked - 1)

    def drawn(self, event: gr.EventData) -> Any:
        """An area to search was drawn on the map."""
        area = _area(event._data.get("area") if isinstance(event._data, dict) else None)
        return gr.skip() if area is None else self._search_near(*area)

    def named_place(self, name: str) -> Values:
        """A place was written: what the geocoder knows of that name, the first one chosen."""
        settings = self.inputs.settings
        try:
            if self.places is None:
                raise BadQuestion("No geocoder is configured here.")
            found = self.places.find(name)
        except SPOKEN as error:
            return {settings.hits: gr.Dropdown(visible=False), settings.place: gr.Textbox(info=sentence(error))}
        choices = [(place.name, f"{place.lon:.6f} {place.lat:.6f}") for place in found]
        hits = gr.Dropdown(choices, value=choices[0][1], visible=True)
        return {settings.hits: hits, **self.hit(choices[0][1])}

    def hit(self, lonlat: str) -> Values:
        """Another one of the places of that name was chosen."""
        settings = self.inputs.settings
        lon, lat = map(float, lonlat.split())  # one of the choices, which Gradio has looked at
        return {settings.where: "point", settings.lon: lon, settings.lat: lat}

    def _search_near(self, lon: float, lat: float, radius_km: float) -> Values:
        """The settings for a search around a point."""
        settings = self.inputs.settings
        return {settings.where: "point", settings.lon: lon, settings.lat: lat, settings.radius_km: radius_km}

    def _service(self, given: Values) -> LocateService:
        return self.catalog.get(given[self.inputs.picker.menu]).service

    def _nothing(self, service: LocateService) -> Values:
        return self._or_refusal(service, lambda: show_nothing(self.outputs, service))

    def _or_refusal(self, service: LocateService, show: Callable[[], Values], *passed_on: type[Exception]) -> Values:
        """What `show` gives, or the sentence of the error that it raises, except errors that the caller tells."""
        try:
            return show()
        except passed_on:
            raise
        except SPOKEN as error:
            return show_refusal(self.outputs, service, error)


def _area(value: Any) -> tuple[float, float, float] | None:
    """Longitude, latitude and radius (km) of an area that was drawn, from a browser; None for what is none."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in value):
        return None
    lon, lat, radius_m = value
    if abs(lon) > 180 or abs(lat) > 90:
        return None
    return round(lon, 6), round(lat, 6), min(max(LEAST_KM, round(radius_m / 50) * 0.05), MOST_KM)


def _wire(events: Events, parts: Parts) -> None:
    inputs, outputs, settings = parts.inputs, parts.outputs, parts.inputs.settings
    menu, browser = inputs.picker.menu, inputs.picker.browser
    status = [parts.head, outputs.card, outputs.plan, settings.lon, settings.lat]
    examples = [inputs.examples.heading, inputs.examples.strip]
    answered = [*outputs.all, inputs.photo]
    one: set[gr.blocks.Block] = {inputs.photo, menu, *settings.given}
    many: set[gr.blocks.Block] = {inputs.files, menu, *settings.given}
    at_hand: set[gr.blocks.Block] = {outputs.mode, outputs.asked, *one, *many, *inputs.pose.all}

    answers = {**ANSWERS, "show_progress_on": outputs.card}  # the photo and the former map stay in sight meanwhile

    again = {"trigger_mode": "always_last", **answers}

    def brought_into_sight(asked: Any) -> None:
        asked.then(None, None, None, js=SCROLL, **PRIVATE)

    settings.where.change(
        events.reveal, settings.where, [settings.point, settings.radius_km, settings.again], queue=False, **QUIET
    )
    page, address = widgets.page_at_hand(), parts.address
    restored = [*status, *examples, menu, *settings.all, inputs.photo, outputs.asked, outputs.mode, address]
    opened = page.load(events.opening, browser, restored, **QUIET)
    turned_back = outputs.card.turn(events.of_address, browser, restored, **QUIET)
    for turned in (opened, turned_back):
        turned.then(events.first, [menu, outputs.mode, address], outputs.all, **QUIET)
    # Not `input`: on clearing it hands over the old photo. `upload` is choosing, dropping and pasting.
    brought_into_sight(inputs.photo.upload(events.one, one, answered, **answers))
    inputs.photo.clear(events.removed, menu, outputs.all, **answers)
    brought_into_sight(inputs.files.change(events.many, many, outputs.all, **answers))
    outputs.stop.click(events.stop, None, None, queue=False, **QUIET)
    gr.on([inputs.photo.clear, inputs.files.clear], events.leave, None, None, queue=False, **QUIET)
    page.unload(events.leave)
    chosen = inputs.examples.strip.select(events.choose, menu, inputs.photo, **QUIET)
    brought_into_sight(chosen.then(events.one, one, answered, **answers))
    turned = menu.input(events.turned_to, [browser, menu], [browser, *status], **answers)
    turned.then(events.ask_there, at_hand, [*answered, *examples], **answers)
    # Not `release`: on a slow machine it comes before the number that was typed.
    gr.on([settings.k.change, settings.radius_km.change], events.changed, at_hand, answered, **again)
    triggers = [settings.turn.input, settings.where.input, settings.use_exif.input, settings.basemap.input]
    triggers += [settings.again.click, inputs.pose.again.click]
    triggers += [field.submit for field in inputs.pose.numbers.values()]
    gr.on(triggers, events.same, at_hand, answered, **again)

    # A tile chosen in the strip or the table is flown to; a marker clicked on the map chooses its tile.
    flown: dict[str, Any] = {"js": widgets.fly_script(MAP_ID), **PRIVATE}
    of_strip = outputs.strip.select(events.of_strip, None, parts.flown_to, queue=False, **QUIET)
    of_strip.then(None, parts.flown_to, None, **flown)
    of_row = [parts.flown_to, *answered]
    of_table = outputs.table.select(events.of_table, [outputs.mode, outputs.shown_set], of_row, **QUIET)
    of_table.then(None, parts.flown_to, None, **flown)
    drawn = outputs.plan.area(
        events.drawn, None, [settings.where, settings.lon, settings.lat, settings.radius_km], **QUIET
    )
    drawn.then(events.same, at_hand, answered, **again)
    point = [settings.where, settings.lon, settings.lat]
    named = settings.place.submit(events.named_place, settings.place, [settings.hits, settings.place, *point], **QUIET)
    hit = settings.hits.input(events.hit, settings.hits, point, **QUIET)
    for chosen_place in (named, hit):
        chosen_place.then(events.same, at_hand, answered, **again)
    outputs.plan.pick(events.of_map, outputs.count, outputs.strip, queue=False, **QUIET)
