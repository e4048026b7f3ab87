"""The components of the inspect page, and the filter that its controls stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from gallery.report import filters, flags
from gallery.report.filters import Filter
from pages.common import cards, static, widgets
from pages.errors import SPOKEN
from pages.inspect import comparison as inspect_comparison
from pages.inspect.view_state import COMPARE, DISTRIBUTIONS, EMBEDDINGS, MAP, SLICES, ViewState
from pages.services.inspection import InspectionService

MAP_ID = "error-map"
LOOKS = [
    ("Pictures", "pictures"),
    ("What the network sees", "seen"),
    ("Where they are alike", "similarity"),
    ("What makes them alike", "saliency"),
]


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    top: gr.HTML
    headline: gr.HTML
    whole: gr.Column
    tabs: gr.Tabs
    slices: gr.HTML
    charts: gr.HTML
    method: gr.Radio
    colour: gr.Radio
    cloud: gr.HTML
    cloud_note: gr.HTML
    plan: gr.HTML
    plan_note: gr.HTML
    confused: gr.HTML
    upload: gr.File
    comparison: gr.HTML
    controls: tuple[Any, ...]  # in the order of `filter_of`
    clear: gr.Button
    count: gr.HTML
    queries: gr.HTML
    takes: dict[str, gr.Button]
    copy: gr.Button
    take: gr.HTML
    before: gr.Button
    after: gr.Button
    look: gr.Radio
    against: gr.Radio
    near_m: gr.Number
    heat: gr.Row
    opacity: gr.Slider
    sight: gr.HTML
    earlier: gr.HTML
    below: gr.Row
    listing: gr.Column
    steps: gr.Row
    view_state: gr.State
    address: gr.Textbox  # not a State: its value must reach the browser
    query: gr.Textbox

    @property
    def shown_how(self) -> list[Any]:
        """What is looked at, and how a query is shown, as `ViewState` and `DisplayOptions` take it."""
        return [self.view_state, self.look, self.against, self.near_m]

    @property
    def cloud_parts(self) -> list[Any]:
        """The plot of the embeddings and its sentence."""
        return [self.cloud, self.cloud_note]

    @property
    def map_parts(self) -> list[Any]:
        """The map of errors, its sentence, and the confused places."""
        return [self.plan, self.plan_note, self.confused]

    @property
    def all(self) -> list[Any]:
        """Every component that the first answer may change."""
        parts = [part for part in vars(self).values() if isinstance(part, gr.blocks.Block)]
        return [*parts, *self.controls]


def top(status: str, kind: str) -> str:
    """The page's head. Args: kind: waiting, ready or error."""
    return cards.header(status, kind, "See why retrieval fails.")


def make_parts(service: InspectionService) -> Parts:
    """Put the components into the Blocks at hand."""
    head = gr.HTML(top("Reading the report…", "waiting"), elem_id="head")
    choose = static.text("choose.js")
    headline = gr.HTML(cards.message_card("Reading the report", kind="waiting"), elem_id="card", js_on_load=choose)
    with gr.Column(elem_id="whole") as everything, gr.Tabs(elem_id="lenses") as tabs:
        with gr.Tab(SLICES):
            slices = gr.HTML(elem_id="slices", js_on_load=choose)
        with gr.Tab(DISTRIBUTIONS):
            charts = gr.HTML(elem_id="charts")
        with gr.Tab(EMBEDDINGS):
            with gr.Row():
                method = gr.Radio([("PCA", "pca"), ("t-SNE", "tsne")], value="pca", label="Projection")
                colour = gr.Radio(["outcome", "condition", "place"], value="outcome", label="Colour by")
            cloud_note = gr.HTML(elem_id="cloud-note")
            cloud = gr.HTML(
                None,
                html_template='<canvas></canvas><p class="told" aria-live="polite"></p><p class="keys"></p>',
                js_on_load=static.text("scatter.js"),
                elem_id="cloud",
            )
        with gr.Tab(MAP):
            plan_note = gr.HTML(elem_id="plan-note")
            with gr.Row(elem_id="ground"):
                plan = widgets.map_view(MAP_ID)
                confused = gr.HTML(elem_id="confused", js_on_load=choose)
        with gr.Tab(COMPARE):
            upload = gr.File(label="A second report (.parquet)", file_types=[".parquet"], elem_id="second", height=120)
            comparison = gr.HTML(inspect_comparison.NOTHING, elem_id="comparison", js_on_load=choose)
    with gr.Row(elem_id="bench") as below:
        with gr.Column(elem_id="listing", min_width=330) as listing:
            controls, clear = _controls()
            count = gr.HTML(elem_id="count")
            queries = gr.HTML(
                elem_id="queries",
                js_on_load=static.text("inspect_table.js"),
                server_functions=[_thumbnails(service)],
            )
            with gr.Row(elem_id="downloads"):
                kinds = {"csv": "CSV", "geojson": "GeoJSON", "kml": "KML", "zip": "Figures"}
                takes = {
                    kind: gr.Button(f"↓ {label}", size="sm", min_width=80, elem_id=f"take-{kind}")
                    for kind, label in kinds.items()
                }
                copy = gr.Button("Copy link", size="sm", min_width=80, elem_id="copy-link")
        with gr.Column(elem_id="one", min_width=330):
            with gr.Row(elem_id="steps") as steps:
                before = gr.Button("← Previous", size="sm", min_width=90, elem_id="previous")
                after = gr.Button("Next →", size="sm", min_width=90, elem_id="next")
            with gr.Row(elem_id="looks"):
                look = gr.Radio(LOOKS, value="pictures", show_label=False, elem_id="look")
                near_m = gr.Number(50, label="Near within, m", minimum=0, maximum=100_000, precision=0, elem_id="near")
            with gr.Row(visible=False, elem_id="heat") as heat:
                choices = [("First tile", "first"), ("True tile", "true")]
                against = gr.Radio(choices, value="first", label="Heat of the query for the")
                opacity = gr.Slider(0, 100, value=55, step=5, label="Opacity of the heat, %", elem_id="opacity")
            sight = gr.HTML(elem_id="sight", js_on_load=widgets.COMPARE_SCRIPT)
            earlier = gr.HTML(elem_id="earlier")
    return Parts(
        top=head,
        headline=headline,
        whole=everything,
        tabs=tabs,
        slices=slices,
        charts=charts,
        method=method,
        colour=colour,
        cloud=cloud,
        cloud_note=cloud_note,
        plan=plan,
        plan_note=plan_note,
        confused=confused,
        upload=upload,
        comparison=comparison,
        controls=controls,
        clear=clear,
        count=count,
        queries=queries,
        takes=takes,
        copy=copy,
        take=gr.HTML(None, html_template="", js_on_load=static.text("take.js")),
        before=before,
        after=after,
        look=look,
        against=against,
        near_m=near_m,
        heat=heat,
        opacity=opacity,
        sight=sight,
        earlier=earlier,
        below=below,
        listing=listing,
        steps=steps,
        view_state=gr.State(ViewState()),
        address=gr.Textbox(visible=False),
        query=gr.Textbox(visible=False),
    )


def _thumbnails(service: InspectionService) -> Callable[[Any], dict[str, str]]:
    def thumbnails(names: Any) -> dict[str, str]:
        try:
            return service.thumbnails(names)
        except SPOKEN:
            return {}

    return thumbnails


def _controls() -> tuple[tuple[Any, ...], gr.Button]:
    with gr.Row(elem_id="filter"):
        wrong = gr.Checkbox(label="Wrong only", min_width=110, elem_id="wrong")
        text = gr.Textbox(placeholder="Find a name", show_label=False, container=False, min_width=130, elem_id="text")
        clear = gr.Button("Clear", size="sm", min_width=60, elem_id="clear")
    with gr.Accordion("More filters", open=False, elem_id="more"):
        many: dict[str, Any] = {"multiselect": True, "min_width": 150, "filterable": True}
        with gr.Row():
            conditions = gr.Dropdown([], label="Condition", **many)
            chosen_places = gr.Dropdown([], label="Place", **many)
        with gr.Row():
            flagged = gr.Dropdown([(words_of, flag) for flag, words_of in flags.FLAGS.items()], label="Flag", **many)
            changes = gr.Dropdown(list(filters.CHANGES), label="Change", visible=False, **many)
        ranges = []
        for names in (("Rank", "Margin"), ("Metres", "Altitude")):
            with gr.Row():
                ranges += [
                    gr.Number(None, label=f"{name} {end}", min_width=100) for name in names for end in ("from", "to")
                ]
    return (wrong, text, conditions, chosen_places, flagged, changes, *ranges), clear


def filter_of(
    wrong: bool, text: str, conditions: list[str], chosen: list[str], flagged: list[str], changes: list[str], *ends: Any
) -> Filter:
    """The controls as a filter. Args: ends: from and to of rank, margin, metres and altitude."""
    rank, margin, error_m, altitude_m = zip(ends[::2], ends[1::2], strict=True)
    return Filter(
        wrong=bool(wrong),
        rank=rank,
        margin=margin,
        error_m=error_m,
        altitude_m=altitude_m,
        conditions=tuple(conditions or ()),
        places=tuple(chosen or ()),
        flags=tuple(flagged or ()),
        changes=tuple(changes or ()),
        text=(text or "").strip(),
    )


def set_controls(parts: Parts, view_state: ViewState, table: pd.DataFrame) -> dict:
    """The controls as a filter has them, with what can be chosen in this report."""
    given = view_state.view.filter
    known = filters.choices(table)
    wrong, text, conditions, chosen, flagged, changes, *ends = parts.controls
    values = [end for pair in (given.rank, given.margin, given.error_m, given.altitude_m) for end in pair]
    return {
        wrong: given.wrong,
        text: given.text,
        conditions: gr.Dropdown(known.conditions, value=_known(given.conditions, known.conditions), multiselect=True),
        chosen: gr.Dropdown(known.places, value=_known(given.places, known.places), multiselect=True),
        flagged: gr.Dropdown(value=list(given.flags), multiselect=True),
        changes: gr.Dropdown(value=list(given.changes), multiselect=True, visible=view_state.compared is not None),
        **dict(zip(ends, values, strict=True)),
    }


def _known(asked: Sequence[str], there: Sequence[str]) -> list[str]:
    """What a link asks for, without what the report lacks: a dropdown refuses that."""
    return [name for name in asked if name in there]
