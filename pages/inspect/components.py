"""The components of the inspect page, and the filter that its controls stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from gallery.report import filters, flags
from gallery.report.filters import Filter
from gallery.report.ground import OUTCOMES
from pages.common import cards, static, widgets
from pages.common.widgets import Values
from pages.errors import SPOKEN
from pages.inspect.comparison import NOTHING
from pages.inspect.view_state import COMPARE, DISTRIBUTIONS, EMBEDDINGS, MAP, SLICES, ViewState
from pages.services.heatmaps import DisplayOptions
from pages.services.inspection import InspectionService

MAP_ID = "error-map"
LOOKS = [
    ("Pictures", "pictures"),
    ("What the network sees", "seen"),
    ("Where they are alike", "similarity"),
    ("What makes them alike", "saliency"),
]
FILES = {"csv": "CSV", "geojson": "GeoJSON", "kml": "KML", "zip": "Figures"}


@dataclass(frozen=True)
class Head:
    """What answers here, and the set in one sentence."""

    top: gr.HTML
    headline: gr.HTML

    @property
    def all(self) -> list[gr.blocks.Block]:
        """Every component."""
        return [self.top, self.headline]


@dataclass(frozen=True)
class CloudLens:
    """The embeddings in the plane."""

    method: gr.Radio
    colour: gr.Radio
    note: gr.HTML
    plot: gr.HTML


@dataclass(frozen=True)
class MapLens:
    """The errors on a map, and the places that are taken for each other."""

    note: gr.HTML
    plan: gr.HTML
    confused: gr.HTML


@dataclass(frozen=True)
class CompareLens:
    """A second report beside this one."""

    upload: gr.File
    summary: gr.HTML


@dataclass(frozen=True)
class Lenses:
    """The set as a whole, a tab for each way to look at it."""

    column: gr.Column
    tabs: gr.Tabs
    slices: gr.HTML
    charts: gr.HTML
    cloud: CloudLens
    map: MapLens
    compare: CompareLens

    @property
    def following(self) -> list[gr.blocks.Block]:
        """What follows the filter, or is drawn when its tab is opened."""
        drawn = [self.cloud.plot, self.cloud.note, self.map.plan, self.map.note, self.map.confused]
        return [self.slices, self.charts, *drawn]


@dataclass(frozen=True)
class FilterControls:
    """The controls that choose queries."""

    wrong: gr.Checkbox
    text: gr.Textbox
    conditions: gr.Dropdown
    places: gr.Dropdown
    flags: gr.Dropdown
    grounds: gr.Dropdown
    changes: gr.Dropdown
    ranges: dict[str, tuple[gr.Number, gr.Number]]  # from and to, by the field of `Filter`

    @property
    def all(self) -> list[Any]:
        """Every control."""
        choices = [self.conditions, self.places, self.flags, self.grounds, self.changes]
        return [self.wrong, self.text, *choices, *(end for ends in self.ranges.values() for end in ends)]

    def filter(self, given: Values) -> Filter:
        """The controls as a filter."""
        return Filter(
            wrong=bool(given[self.wrong]),
            text=(given[self.text] or "").strip(),
            conditions=tuple(given[self.conditions] or ()),
            places=tuple(given[self.places] or ()),
            flags=tuple(given[self.flags] or ()),
            grounds=tuple(given[self.grounds] or ()),
            changes=tuple(given[self.changes] or ()),
            **{field: (given[low], given[high]) for field, (low, high) in self.ranges.items()},
        )

    def show(self, view_state: ViewState, table: pd.DataFrame) -> Values:
        """The controls as a filter has them, with what can be chosen in this report."""
        given, known = view_state.view.filter, filters.choices(table)
        conditions = _known(given.conditions, known.conditions)
        return {
            self.wrong: given.wrong,
            self.text: given.text,
            self.conditions: gr.Dropdown(known.conditions, value=conditions, multiselect=True),
            self.places: gr.Dropdown(known.places, value=_known(given.places, known.places), multiselect=True),
            self.flags: gr.Dropdown(value=list(given.flags), multiselect=True),
            self.grounds: gr.Dropdown(
                value=list(given.grounds), multiselect=True, visible=bool(table["on_ground"].notna().any())
            ),
            self.changes: gr.Dropdown(
                value=list(given.changes), multiselect=True, visible=view_state.compared is not None
            ),
            **{
                end: value
                for field, ends in self.ranges.items()
                for end, value in zip(ends, getattr(given, field), strict=True)
            },
        }


@dataclass(frozen=True)
class Listing:
    """The table of queries, what chooses them, and what can be taken away of them."""

    column: gr.Column
    controls: FilterControls
    clear: gr.Button
    count: gr.HTML
    rows: gr.HTML
    files: dict[str, gr.Button]  # by kind
    copy: gr.Button


@dataclass(frozen=True)
class QueryParts:
    """One query, and how it is shown."""

    steps: gr.Row
    before: gr.Button
    after: gr.Button
    look: gr.Radio
    near_m: gr.Number
    heat: gr.Row
    against: gr.Radio
    opacity: gr.Slider
    sight: gr.HTML
    earlier: gr.HTML

    @property
    def given(self) -> set[gr.blocks.Block]:
        """What `options` reads."""
        return {self.look, self.against, self.near_m}

    def options(self, given: Values) -> DisplayOptions:
        """How a query is to be shown."""
        return DisplayOptions.read(given[self.look], given[self.against], given[self.near_m])


@dataclass(frozen=True)
class Hidden:
    """What the page holds without showing it."""

    view_state: gr.State
    address: gr.Textbox  # the query of the page's link; not a State: its value must reach the browser
    query: gr.Textbox  # the chosen query's name; as `address`
    download: gr.HTML  # hands a file to the browser


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    head: Head
    lenses: Lenses
    below: gr.Row  # around listing and query
    listing: Listing
    query: QueryParts
    hidden: Hidden


def top(status: str, kind: str) -> str:
    """The page's head. Args: kind: waiting, ready or error."""
    return cards.header(status, kind, "See why retrieval fails.")


def make_parts(service: InspectionService) -> Parts:
    """Put the components into the Blocks at hand."""
    head = Head(
        top=gr.HTML(top("Reading the report…", "waiting"), elem_id="head"),
        headline=gr.HTML(
            cards.message_card("Reading the report", kind="waiting"),
            elem_id="card",
            js_on_load=static.text("choose.js"),
        ),
    )
    lenses = _lenses()
    with gr.Row(elem_id="bench") as below:
        listing = _listing(service)
        query = _query()
    hidden = Hidden(
        download=gr.HTML(None, html_template="", js_on_load=static.text("take.js")),
        view_state=gr.State(ViewState()),
        address=gr.Textbox(visible=False),
        query=gr.Textbox(visible=False),
    )
    return Parts(head, lenses, below, listing, query, hidden)


def _lenses() -> Lenses:
    choose = static.text("choose.js")
    with gr.Column(elem_id="whole") as column, gr.Tabs(elem_id="lenses") as tabs:
        with gr.Tab(SLICES):
            slices = gr.HTML(elem_id="slices", js_on_load=choose)
        with gr.Tab(DISTRIBUTIONS):
            charts = gr.HTML(elem_id="charts")
        with gr.Tab(EMBEDDINGS):
            cloud = _cloud_lens()
        with gr.Tab(MAP):
            note = gr.HTML(elem_id="plan-note")
            with gr.Row(elem_id="ground"):
                plan = widgets.map_view(MAP_ID)
                confused = gr.HTML(elem_id="confused", js_on_load=choose)
        with gr.Tab(COMPARE):
            upload = gr.File(label="A second report (.parquet)", file_types=[".parquet"], elem_id="second", height=120)
            summary = gr.HTML(NOTHING, elem_id="comparison", js_on_load=choose)
    errors, compare = MapLens(note, plan, confused), CompareLens(upload, summary)
    return Lenses(column, tabs, slices, charts, cloud, errors, compare)


def _cloud_lens() -> CloudLens:
    with gr.Row():
        method = gr.Radio([("PCA", "pca"), ("t-SNE", "tsne")], value="pca", label="Projection")
        colour = gr.Radio(["outcome", "condition", "place"], value="outcome", label="Colour by")
    note = gr.HTML(elem_id="cloud-note")
    plot = gr.HTML(
        None,
        html_template='<canvas></canvas><p class="told" aria-live="polite"></p><p class="keys"></p>',
        js_on_load=static.text("scatter.js"),
        elem_id="cloud",
    )
    return CloudLens(method, colour, note, plot)


def _listing(service: InspectionService) -> Listing:
    with gr.Column(elem_id="listing", min_width=330) as column:
        controls, clear = _controls()
        count = gr.HTML(elem_id="count")
        rows = gr.HTML(
            elem_id="queries",
            js_on_load=static.text("inspect_table.js"),
            server_functions=[_thumbnails(service)],
        )
        with gr.Row(elem_id="downloads"):
            files = {
                kind: gr.Button(f"↓ {label}", size="sm", min_width=80, elem_id=f"take-{kind}")
                for kind, label in FILES.items()
            }
            copy = gr.Button("Copy link", size="sm", min_width=80, elem_id="copy-link")
    return Listing(column, controls, clear, count, rows, files, copy)


def _query() -> QueryParts:
    with gr.Column(elem_id="one", min_width=330):
        with gr.Row(elem_id="steps") as steps:
            before = gr.Button("← Previous", size="sm", min_width=90, elem_id="previous")
            after = gr.Button("Next →", size="sm", min_width=90, elem_id="next")
        with gr.Row(elem_id="looks"):
            look = gr.Radio(LOOKS, value="pictures", label="What the pictures show", elem_id="look")
            near_m = gr.Number(50, label="Near within, m", minimum=0, maximum=100_000, precision=0, elem_id="near")
        with gr.Row(visible=False, elem_id="heat") as heat:
            choices = [("First tile", "first"), ("True tile", "true")]
            against = gr.Radio(choices, value="first", label="Heat of the query for the")
            opacity = gr.Slider(0, 100, value=55, step=5, label="Opacity of the heat, %", elem_id="opacity")
        return QueryParts(
            steps=steps,
            before=before,
            after=after,
            look=look,
            near_m=near_m,
            heat=heat,
            against=against,
            opacity=opacity,
            sight=gr.HTML(elem_id="sight", js_on_load=widgets.COMPARE_SCRIPT + widgets.MAP_SCRIPT),
            earlier=gr.HTML(elem_id="earlier"),
        )


def _thumbnails(service: InspectionService) -> Callable[[Any], dict[str, str]]:
    def thumbnails(names: Any) -> dict[str, str]:
        try:
            return service.thumbnails(names)
        except SPOKEN:
            return {}

    return thumbnails


def _controls() -> tuple[FilterControls, gr.Button]:
    with gr.Row(elem_id="filter"):
        wrong = gr.Checkbox(label="Wrong only", min_width=110, elem_id="wrong")
        text = gr.Textbox(placeholder="Find a name", show_label=False, container=False, min_width=130, elem_id="text")
        clear = gr.Button("Clear", size="sm", min_width=60, elem_id="clear")
    with gr.Accordion("More filters", open=False, elem_id="more"):
        many: dict[str, Any] = {"multiselect": True, "min_width": 150, "filterable": True}
        with gr.Row():
            conditions = gr.Dropdown([], label="Condition", **many)
            places = gr.Dropdown([], label="Place", **many)
        with gr.Row():
            flagged = gr.Dropdown([(words_of, flag) for flag, words_of in flags.FLAGS.items()], label="Flag", **many)
            grounds = gr.Dropdown(
                [(words_of[0].upper() + words_of[1:], name) for name, words_of in OUTCOMES.items()],
                label="On the ground",
                visible=False,
                elem_id="on-ground",
                **many,
            )
            changes = gr.Dropdown(list(filters.CHANGES), label="Change", visible=False, **many)
        with gr.Row():
            ranges = {"rank": _range("Rank"), "margin": _range("Margin")}
        with gr.Row():
            ranges |= {"error_m": _range("Metres"), "altitude_m": _range("Altitude")}
    return FilterControls(wrong, text, conditions, places, flagged, grounds, changes, ranges), clear


def _range(label: str) -> tuple[gr.Number, gr.Number]:
    return gr.Number(None, label=f"{label} from", min_width=100), gr.Number(None, label=f"{label} to", min_width=100)


def _known(asked: Sequence[str], there: Sequence[str]) -> list[str]:
    """What a link asks for, without what the report lacks: a dropdown refuses that."""
    return [name for name in asked if name in there]
