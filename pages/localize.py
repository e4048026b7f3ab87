"""The page that answers "where was this photo taken?": one photo or several, on one map."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from gallery import Answer, Match
from gallery.answers import PhotoProblem
from gallery.export import render
from mean_model import PhotoError
from pages import maps, widgets, words
from pages.desk import MOST_MATCHES, MOST_PHOTOS, Desk, Question, Shown, ShownMany, Where, distance_to_photo_m
from pages.errors import SPOKEN, BadQuestion, sentence

MAP_ID = "map"
ANSWERS: dict[str, Any] = {"concurrency_limit": 4, "concurrency_id": "answers", "api_visibility": "private"}
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
WHERE = [("Whole gallery", "all"), ("Near the photo's EXIF position", "exif"), ("Near a point", "point")]
TABLE = ["#", "Tile", "Similarity", "Longitude", "Latitude", "From EXIF"]
TABLE_MANY = ["#", "Photo", "Verdict", "Best tile", "Similarity", "Longitude", "Latitude", "From EXIF"]
EMPTY = (
    "No photo yet",
    "Drop a drone photo, paste one, or click an example: the tiles that look most like it appear here.",
)
BEST = ("Best tiles", "rank · similarity · distance from the place by EXIF. Choose one to fly there.")
BEST_MANY = ("Best tile of each photo", "similarity · distance from its place by EXIF. Choose one to fly there.")
LOADING = ("Loading the model", "The first answer comes in a few seconds; the next ones come at once.")
SCROLL = """() => { if (innerWidth > 820) return;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector('#card').scrollIntoView({behavior: calm ? 'auto' : 'smooth'}); }"""
"""On a narrow screen the answer stands below the photo: bring it into sight."""
NOTICE = """
**Use it for** checking where your own or openly licensed aerial photos belong: mapping, search and rescue, archives,
research. **Do not use it** to find or follow people, or for decisions that nobody checks: it always names the most
similar tile of this gallery, even when the photo was taken somewhere else.

**Your photos** are read on the server that runs this page and go nowhere else. Uploads and downloads are deleted after
one to two hours; positions are not logged. The street background, if you switch it on, tells openstreetmap.org which
area you look at.
"""


@dataclass(frozen=True)
class Inputs:
    """What a visitor gives."""

    photo: gr.Image
    files: gr.Files
    k: gr.Slider
    turn: gr.Radio
    where: gr.Radio
    lon: gr.Number
    lat: gr.Number
    radius_km: gr.Slider
    basemap: gr.Checkbox

    @property
    def question(self) -> list[gr.Component]:
        """The settings, in the order of `question_of`."""
        return [self.k, self.turn, self.where, self.lon, self.lat, self.radius_km, self.basemap]


@dataclass(frozen=True)
class Outputs:
    """What a visitor is shown."""

    card: gr.HTML
    plan: gr.HTML
    fit: gr.HTML
    heading: gr.HTML
    strip: gr.Gallery
    table: gr.Dataframe
    downloads: dict[str, gr.DownloadButton]  # by kind of file
    details: gr.Column
    count: gr.State  # how many numbers the map has
    mode: gr.State  # new, one or many: what was asked last and is asked again when a setting changes

    @property
    def all(self) -> list[Any]:
        """Every component that an answer may change."""
        parts = [self.card, self.plan, self.fit, self.heading, self.strip, self.table, *self.downloads.values()]
        return [*parts, self.details, self.count, self.mode]


def question_of(
    k: float, turn: str, where: str, lon: float | None, lat: float | None, radius_km: float, basemap: bool
) -> Question:
    """The settings as one value."""
    return Question(int(k), turn, where, lon, lat, radius_km, bool(basemap))  # type: ignore[arg-type]


def localize_page(desk: Desk) -> None:
    """Put the page's parts and events into the Blocks at hand."""
    head = gr.HTML(widgets.header("Loading the model…"), elem_id="head")
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            inputs, examples, again = _inputs(desk)
            with gr.Accordion("Responsible use and privacy", open=False, elem_id="notice"):
                gr.Markdown(NOTICE)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            outputs = _outputs()
    _events(desk, head, inputs, examples, again, outputs)
    _web_api(desk)


def _inputs(desk: Desk) -> tuple[Inputs, gr.Gallery | None, gr.Button]:
    with gr.Tabs(elem_id="kinds"):
        with gr.Tab("One photo"):
            photo = widgets.RawPhoto(
                value=str(desk.examples[0]) if desk.examples else None,
                sources=["upload", "clipboard"],
                label="Drone photo",
                show_label=False,
                height=270,
                buttons=["fullscreen"],
                elem_id="photo",
                placeholder="# Drop a drone photo\nor click to choose, or paste one",
            )
            examples = _examples(desk)
        with gr.Tab("Several photos"):
            files = gr.Files(label=f"Drone photos, up to {MOST_PHOTOS}", height=340, elem_id="files")
    with gr.Accordion("Search settings", open=False, elem_id="settings"):
        k = gr.Slider(1, MOST_MATCHES, value=5, step=1, label="Tiles to show")
        turn = gr.Radio(
            [("By its stated pose", "heading"), ("Guess its pose", "guessed"), ("As it is", "none")],
            value="heading",
            label="Turn the photo",
            info="By heading, pitch, height and lens it is seen from above. What it does not state is guessed.",
        )
        where = gr.Radio(WHERE, value="all", label="Search in")
        with gr.Row(visible=False) as point:
            lon = gr.Number(label="Longitude", minimum=-180, maximum=180, min_width=90, step=0.001)
            lat = gr.Number(label="Latitude", minimum=-90, maximum=90, min_width=90, step=0.001)
        radius_km = gr.Slider(0.1, 20, value=1, step=0.1, label="Radius, km", visible=False)
        again = gr.Button("Search here", size="sm", visible=False)
        basemap = gr.Checkbox(label="Street background from openstreetmap.org", value=False)

    def reveal(value: str):
        return (
            gr.Row(visible=value == "point"),
            gr.Slider(visible=value != "all"),
            gr.Button(visible=value == "point"),
        )

    where.change(reveal, where, [point, radius_km, again], queue=False, **QUIET)
    return Inputs(photo, files, k, turn, where, lon, lat, radius_km, basemap), examples, again


def _examples(desk: Desk) -> gr.Gallery | None:
    """The example photos as small pictures, or None where there are none."""
    if not desk.examples:
        return None
    gr.HTML(widgets.section("Examples", "click one to see its answer"), elem_classes="section")
    return gr.Gallery(
        list(desk.thumbnails),
        label="Examples",
        show_label=False,
        columns=4,
        format="jpeg",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="examples",
    )


def _outputs() -> Outputs:
    card = gr.HTML(widgets.message_card(*LOADING, kind="waiting"), elem_id="card")
    plan = widgets.map_view(MAP_ID)
    fit = gr.HTML("", js_on_load=widgets.COMPARE_SCRIPT, elem_id="fit")
    with gr.Column(visible=False, elem_id="details") as details:
        heading = gr.HTML(widgets.section(*BEST), elem_classes="section")
        strip = gr.Gallery(
            label="Best tiles",
            show_label=False,
            columns=MOST_MATCHES,
            format="jpeg",
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="strip",
        )
        table = gr.Dataframe(
            headers=TABLE, interactive=False, label="Ranking", show_label=False, buttons=[], elem_id="table"
        )
        with gr.Row(elem_id="downloads"):
            kinds = {"geojson": "GeoJSON", "kml": "KML", "csv": "CSV", "html": "Map as HTML"}
            downloads = {
                kind: gr.DownloadButton(f"↓ {label}", size="sm", min_width=80, elem_id=f"download-{kind}")
                for kind, label in kinds.items()
            }
    return Outputs(card, plan, fit, heading, strip, table, downloads, details, gr.State(0), gr.State("new"))


def _events(
    desk: Desk, head: gr.HTML, inputs: Inputs, examples: gr.Gallery | None, again: gr.Button, outputs: Outputs
) -> None:
    def opening() -> Iterator[dict]:
        """Say what answers here, as soon as it can."""
        try:
            status = widgets.header(desk.status(), "ready")
            middle = desk.middle()
            yield {head: status, inputs.lon: middle.lon, inputs.lat: middle.lat}
        except SPOKEN as error:
            yield {head: widgets.header("Not ready", "error"), outputs.card: _trouble(error), outputs.plan: ""}

    def first(mode: str) -> dict:
        """The first example's answer, unless the visitor was quicker."""
        if mode != "new" or desk.engine.problem:
            return {outputs.mode: mode}
        desk.engine.settle()
        return _shown(outputs, desk.first) if desk.first else _told(lambda: _nothing(desk, outputs), desk, outputs)

    def one(path: str | None, *settings: Any) -> Iterator[dict]:
        """Answer the photo at hand."""
        if not desk.engine.ready:
            yield {outputs.card: widgets.message_card(*LOADING, kind="waiting")}
        if path is None:
            yield _told(lambda: _nothing(desk, outputs), desk, outputs)
            return
        try:
            yield _told(lambda: _shown(outputs, desk.ask(path, question_of(*settings))), desk, outputs, PhotoError)
        except PhotoError as error:
            # Nothing can be asked about this file: make room for another one.
            yield {**_refused(error, desk, outputs), inputs.photo: None}

    def many(paths: list[str] | None, *settings: Any, progress=gr.Progress()) -> Iterator[dict]:  # noqa: B008
        """Answer all photos at hand."""
        if not desk.engine.ready:
            yield {outputs.card: widgets.message_card(*LOADING, kind="waiting")}

        def step(done: int, total: int) -> None:
            progress((done, total), desc="Photos answered", unit="photos")

        if not paths:
            yield _told(lambda: _nothing(desk, outputs), desk, outputs)
        else:
            yield _told(lambda: _shown_many(outputs, desk.ask_many(paths, question_of(*settings), step)), desk, outputs)

    def same(mode: str, path: str | None, paths: list[str] | None, *settings: Any) -> Iterator[dict]:
        """Ask again what was asked last, with the settings of now; wait while a point has no coordinates yet."""
        question = question_of(*settings)
        if question.where == "point" and (question.lon is None or question.lat is None):
            yield {outputs.mode: mode}
        else:
            yield from many(paths, *settings) if mode == "many" else one(path, *settings)

    def choose(event: gr.SelectData) -> str:
        return str(desk.examples[int(event.index)])

    page = gr.context.Context.root_block
    assert page is not None
    told = [head, outputs.card, outputs.plan, inputs.lon, inputs.lat]
    page.load(opening, None, told, **QUIET).then(first, outputs.mode, outputs.all, **QUIET)
    answered = [*outputs.all, inputs.photo]
    # Not `input`: on clearing it hands over the old photo. `upload` is choosing, dropping and pasting.
    asked = inputs.photo.upload(one, [inputs.photo, *inputs.question], answered, **ANSWERS)
    asked.then(None, None, None, js=SCROLL, **PRIVATE)
    inputs.photo.clear(lambda: _told(lambda: _nothing(desk, outputs), desk, outputs), None, outputs.all, **ANSWERS)
    asked = inputs.files.change(many, [inputs.files, *inputs.question], outputs.all, **ANSWERS)
    asked.then(None, None, None, js=SCROLL, **PRIVATE)
    if examples is not None:
        chosen = examples.select(choose, None, inputs.photo, **QUIET)
        asked = chosen.then(one, [inputs.photo, *inputs.question], answered, **ANSWERS)
        asked.then(None, None, None, js=SCROLL, **PRIVATE)
    # Not `release`: on a slow machine it comes before the number that was typed.
    changes = [inputs.k.change, inputs.radius_km.change, inputs.turn.input, inputs.where.input]
    gr.on(
        [*changes, inputs.basemap.input, again.click],
        same,
        [outputs.mode, inputs.photo, inputs.files, *inputs.question],
        answered,
        trigger_mode="always_last",
        **ANSWERS,
    )
    _selection(outputs)


def _selection(outputs: Outputs) -> None:
    """A tile chosen in the strip or the table is flown to; a marker clicked on the map chooses its tile."""
    number = gr.Number(0, visible=False, precision=0)  # not a State: its value must reach the browser

    def of_strip(event: gr.SelectData) -> int:
        return int(event.index) + 1

    def of_table(event: gr.SelectData) -> Any:
        # By the row's own number: after sorting or filtering the row's index is another.
        first = event.row_value[0] if event.row_value else ""
        if not str(first).isdigit():
            return gr.skip(), gr.skip()
        return int(first), gr.Gallery(selected_index=int(first) - 1)

    def of_map(count: int, event: gr.EventData) -> Any:
        picked = widgets.picked_number(event, count)
        return gr.skip() if picked is None else gr.Gallery(selected_index=picked - 1)

    flown = {"js": widgets.fly_script(MAP_ID), **PRIVATE}
    outputs.strip.select(of_strip, None, number, queue=False, **QUIET).then(None, number, None, **flown)
    chosen = outputs.table.select(of_table, None, [number, outputs.strip], queue=False, **QUIET)
    chosen.then(None, number, None, **flown)
    outputs.plan.pick(of_map, outputs.count, outputs.strip, queue=False, **QUIET)


def _told(show: Callable[[], dict], desk: Desk, outputs: Outputs, *not_here: type[Exception]) -> dict:
    """What `show` gives, or the sentence of the error that it raises, except errors that the caller tells itself."""
    try:
        return show()
    except not_here:
        raise
    except SPOKEN as error:
        return _refused(error, desk, outputs)


def _refused(error: Exception, desk: Desk, outputs: Outputs) -> dict:
    """The error's sentence, over the map without an answer."""
    card = {outputs.card: _trouble(error)}
    return {**_nothing(desk, outputs), **card} if desk.engine.ready else card


def _trouble(error: Exception) -> str:
    return widgets.message_card("This did not work", sentence(error), "error")


def _nothing(desk: Desk, outputs: Outputs) -> dict:
    """The page before any photo: where the gallery is, and a sentence."""
    return {
        outputs.card: widgets.message_card(*EMPTY),
        outputs.plan: maps.iframe(desk.first_map(), title="Map of the gallery"),
        outputs.fit: "",
        outputs.details: gr.Column(visible=False),
        outputs.count: 0,
        outputs.mode: "one",
    }


def _shown(outputs: Outputs, shown: Shown) -> dict:
    """One photo's answer."""
    answer = shown.answer
    strip = [
        (picture, f"{match.rank} · {words.similarity(match.score)}{_away(answer, match)}\n{_place(match)}")
        for picture, match in zip(shown.pictures, answer.matches, strict=True)
    ]
    rows = [
        [
            match.rank,
            match.tile.id,
            words.similarity(match.score),
            f"{match.tile.centre.lon:.6f}",
            f"{match.tile.centre.lat:.6f}",
            _away(answer, match, "") or "–",
        ]
        for match in answer.matches
    ]
    return {
        outputs.card: widgets.verdict_card(answer, maps.picture_uri(shown.seen, 240), inspect=shown.kept_as),
        outputs.plan: maps.iframe(shown.map_page, basemap=shown.basemap) + widgets.legend(answer),
        outputs.fit: "" if shown.overlay is None else widgets.fit_view(answer, shown.overlay),
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: widgets.section(*BEST),
        outputs.table: {"headers": TABLE, "data": rows},
        **_files(outputs, [answer], shown.map_page),
        outputs.details: gr.Column(visible=bool(rows)),
        outputs.count: len(rows),
        outputs.mode: "one",
    }


def _shown_many(outputs: Outputs, shown: ShownMany) -> dict:
    """Several photos' answers."""
    refused = [(result.photo, result.error) for result in shown.results if isinstance(result, PhotoProblem)]
    pictures = [picture for picture in shown.pictures if picture is not None]
    strip = []
    for number, (answer, picture) in enumerate(zip(shown.placed, pictures, strict=True), start=1):
        best = answer.matches[0]
        text = f"{number} · {words.similarity(best.score)}{_away(answer, best)}\n{answer.photo}\n{_place(best)}"
        strip.append((picture, text))
    located = sum(answer.verdict == "located" for answer in shown.placed)
    return {
        outputs.card: widgets.summary_card(len(shown.results) - len(refused), refused, located, shown.timings),
        outputs.plan: maps.iframe(shown.map_page, title="Map of all photos", basemap=shown.basemap),
        outputs.fit: "",
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: widgets.section(*BEST_MANY),
        outputs.table: {"headers": TABLE_MANY, "data": _many_rows(shown)},
        **_files(outputs, shown.results, shown.map_page),
        outputs.details: gr.Column(visible=bool(strip)),
        outputs.count: len(strip),
        outputs.mode: "many",
    }


def _many_rows(shown: ShownMany) -> list[list[Any]]:
    """One row per photo; only those with a tile have a number, the one on the map."""
    rows: list[list[Any]] = []
    number = 0
    for result in shown.results:
        if isinstance(result, PhotoProblem):
            rows.append(["–", result.photo, "not read", "", "", "", "", ""])
        elif not result.matches:
            rows.append(["–", result.photo, "no tile", "", "", "", "", ""])
        else:
            number += 1
            best = result.matches[0]
            centre = best.tile.centre
            place = [f"{centre.lon:.6f}", f"{centre.lat:.6f}", _away(result, best, "") or "–"]
            rows.append([number, result.photo, result.verdict, best.tile.id, words.similarity(best.score), *place])
    return rows


def _place(match: Match) -> str:
    """A tile's centre on two short lines."""
    return words.place(match.tile.centre.lon, match.tile.centre.lat).replace(", ", "\n")


def _away(answer: Answer, match: Match, before: str = " · ") -> str:
    """The distance from the photo's own position to a tile, or nothing."""
    away_m = distance_to_photo_m(answer, match)
    return "" if away_m is None else before + words.metres(away_m)


def _files(outputs: Outputs, results: Sequence[Answer | PhotoProblem], map_page: str) -> dict:
    """The answer as files."""
    stem = f"{Path(results[0].photo).stem or 'photo'}-answer" if len(results) == 1 else "answers"
    texts = {"geojson": render(results, "geojson"), "kml": render(results, "kml"), "csv": render(results, "csv")}
    texts["html"] = map_page
    buttons = outputs.downloads
    return {buttons[kind]: widgets.text_file(buttons[kind], f"{stem}.{kind}", text) for kind, text in texts.items()}


def _web_api(desk: Desk) -> None:
    """The endpoint /localize: the answer of one photo as the command line gives it."""

    def localize(
        photo: str | None,
        k: float | None = 5,
        lon: float | None = None,
        lat: float | None = None,
        radius_km: float | None = None,
    ) -> dict[str, Any]:
        name = Path(photo).name if photo else ""
        try:
            if photo is None:
                raise BadQuestion("No photo was given.")
            area = (lon, lat, radius_km)
            if any(value is not None for value in area) and None in area:
                raise BadQuestion("An area needs lon, lat and radius_km, all three.")
            where: Where = "all" if lon is None else "point"
            question = Question(
                5 if k is None else int(k), "heading", where, lon, lat, 1.0 if radius_km is None else radius_km
            )
            return desk.locate(photo, question).to_dict()
        except SPOKEN as error:
            return {"photo": name, "error": sentence(error)}

    with gr.Row(visible=False):
        photo = widgets.RawPhoto(label="photo")
        k = gr.Number(5, label="k", precision=0)
        area = [gr.Number(None, label=label) for label in ("lon", "lat", "radius_km")]
        answer = gr.JSON(label="answer")
        gr.Button("localize").click(
            localize,
            [photo, k, *area],
            answer,
            api_name="localize",
            api_description="Where was this photo taken? Returns photo, matches (rank, tile_id, score, lon, lat, "
            "bounds), position, verdict, confidence and exif; or photo and error for a photo that cannot be read. "
            "lon, lat (degrees) and radius_km limit the search to an area.",
            concurrency_limit=4,
            concurrency_id="answers",
        )
