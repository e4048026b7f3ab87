"""Build a gallery from an uploaded GeoTIFF: plan, progress, stop; then it is its visitor's to choose and to take."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils

from gallery.build.pipeline import Progress
from gallery.store.health import square
from pages.common import cards, formatting
from pages.errors import SPOKEN, BadQuestion
from pages.gallery_picker import Choice, Remembered
from pages.localize.components import PRIVATE, QUIET
from pages.services.catalog import CatalogEntry
from pages.services.upload import MOST_BYTES, MOST_TILES, SUFFIXES, plan
from pages.services.visitor_builds import MOST_EACH, BuildRequest, VisitorBuilds, progress_text, zipped

BUILDS: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "builds", **PRIVATE}
ABOUT = f"""
Up to {MOST_BYTES / 1e6:.0f} MB and {MOST_TILES:,} tiles. The gallery is yours alone, in this browser, for
{{hours:g}} hours; then it and the upload are deleted. Tiles as large as the ground that your photos show work best.
Stop ends a build at once, and nothing of it is kept.
"""


@dataclass(frozen=True)
class BuildParts:
    """The components for a gallery of one's own."""

    file: gr.File
    tile_size_m: gr.Number
    overlap: gr.Slider
    planned: gr.HTML
    build: gr.Button
    stop: gr.Button
    mine: gr.Row  # what can be done with an own gallery
    download: gr.DownloadButton
    remove: gr.Button

    @property
    def order(self) -> list[gr.Component]:
        """What `_order` takes."""
        return [self.file, self.tile_size_m, self.overlap]

    def of(self, entry: CatalogEntry) -> dict[Any, Any]:
        """What can be done with the chosen gallery."""
        if not entry.own:
            return {self.mine: gr.Row(visible=False), self.download: None}
        copy = processing_utils.save_file_to_cache(zipped(entry), cache_dir=self.download.GRADIO_CACHE)
        return {self.mine: gr.Row(visible=True), self.download: copy}


def make_build_parts(builds: VisitorBuilds) -> BuildParts:
    """Put the components where the page stands."""
    with gr.Row(visible=False) as mine:
        download = gr.DownloadButton("↓ Download as ZIP", size="sm", min_width=120, elem_id="download-gallery")
        remove = gr.Button("Remove it", size="sm", min_width=90, elem_id="remove-gallery")
    with gr.Accordion("Build one from your own GeoTIFF", open=False, elem_id="build"):
        gr.Markdown(ABOUT.format(hours=builds.live_s / 3600))
        file = gr.File(label="Orthophoto (GeoTIFF)", file_types=list(SUFFIXES), height=140, elem_id="geotiff")
        tile_size_m = gr.Number(100, label="Side of a tile, metres", minimum=1)
        overlap = gr.Slider(0, 0.75, value=0.5, step=0.05, label="Overlap")
        planned = gr.HTML("", elem_id="planned")
        with gr.Row():
            build = gr.Button("Build", variant="primary", interactive=False, min_width=100, elem_id="build-start")
            stop = gr.Button("Stop", variant="stop", interactive=False, min_width=100, elem_id="build-stop")
    return BuildParts(file, tile_size_m, overlap, planned, build, stop, mine, download, remove)


def wire(
    builds: VisitorBuilds,
    parts: BuildParts,
    choice: Choice,
    show: Callable[[CatalogEntry, Any], Iterator[dict]],
    examined: Callable[[Any], str],
    shown: list[Any],
    health: gr.HTML,
) -> None:
    """Join the components by events.

    Args:
        show: what the page shows of a gallery, for what its visitor's browser remembers.
        examined: the health of a gallery by its key.
        shown: the components that `show` changes.
        health: the component for what `examined` gives.
    """
    building: dict[str, threading.Event] = {}  # by session: set when its visitor stops or leaves

    def planning(path: str | None, tile_size_m: float | None, overlap: float) -> tuple[str, gr.Button]:
        """What a build would make, before it begins."""
        if path is None:
            return "", gr.Button(interactive=False)
        try:
            order = _order(path, tile_size_m, overlap)
            made = plan(order.raster, order.tile_size_m, order.overlap)
        except SPOKEN as error:
            return cards.trouble_card(error, "This cannot be built"), gr.Button(interactive=False)
        text = (
            f"{formatting.metres(made.width_m)} by {formatting.metres(made.height_m)}, "
            f"{square(made.width_m * made.height_m)}, "
            f"{made.metres_per_px:.2g} m a pixel. Empty tiles are left out."
        )
        title = f"{formatting.count(made.tiles, 'tile')} of {order.tile_size_m:g} m"
        return cards.message_card(title, text), gr.Button(interactive=True)

    def making(
        path: str | None,
        tile_size_m: float | None,
        overlap: float,
        remembered: Any,
        request: gr.Request,
        progress=gr.Progress(),  # noqa: B008
    ) -> Iterator[dict]:
        """Build it, and turn to it."""
        session, stopped = str(request.session_hash), threading.Event()
        building[session] = stopped

        def step(so_far: Progress) -> None:
            progress((so_far.done, so_far.total), desc=progress_text(so_far), unit="tiles")

        idle = {parts.stop: gr.Button(interactive=False), parts.build: gr.Button(interactive=True)}
        yield {
            parts.stop: gr.Button(interactive=True),
            parts.build: gr.Button(interactive=False),
            parts.planned: '<div class="card waiting room"></div>',  # the progress bar lies over it
        }
        try:
            entry = builds.build(_order(path, tile_size_m, overlap), step, stopped.is_set)
        except SPOKEN as error:
            yield {**idle, parts.planned: cards.trouble_card(error, "No gallery was built")}
            return
        finally:
            building.pop(session, None)
        own = (*Remembered.read(remembered).own, entry.key)
        for old in own[:-MOST_EACH]:
            builds.catalog.drop(old)
        now = Remembered(entry.key, own[-MOST_EACH:])
        remember = {choice.browser: now.to_dict(), choice.menu: choice.shown(now, entry)}
        done = cards.message_card("Built", f"{entry.title} is chosen now, here and on the other pages.")
        yield {**idle, **remember, parts.planned: done}
        yield from show(entry, now.to_dict())

    def stop(request: gr.Request) -> None:
        event = building.get(str(request.session_hash))
        if event is not None:
            event.set()

    def removing(remembered: Any, key: Any) -> Iterator[dict]:
        """Forget an own gallery at once."""
        builds.catalog.drop(str(key))
        known, first = Remembered.read(remembered), builds.catalog.first
        now = replace(known, chosen=first.key, own=tuple(own for own in known.own if own != key))
        yield {choice.browser: now.to_dict(), choice.menu: choice.shown(now, first), parts.planned: ""}
        yield from show(first, now.to_dict())

    page = gr.context.Context.root_block
    assert page is not None
    planned = [parts.planned, parts.build]
    gr.on([parts.file.change, parts.tile_size_m.change, parts.overlap.release], planning, parts.order, planned, **QUIET)
    turned = [choice.browser, choice.menu, *shown]
    built = parts.build.click(
        making,
        [*parts.order, choice.browser],
        [*planned, parts.stop, *turned],
        show_progress_on=parts.planned,
        **BUILDS,
    )
    removed = parts.remove.click(removing, [choice.browser, choice.menu], [parts.planned, *turned], **QUIET)
    for event in (built, removed):
        event.then(examined, choice.menu, health, **QUIET)
    parts.stop.click(stop, None, None, queue=False, **QUIET)
    page.unload(stop)


def _order(path: str | None, tile_size_m: float | None, overlap: float) -> BuildRequest:
    """The inputs as one value.

    Raises:
        BadQuestion: something is missing.
    """
    if path is None:
        raise BadQuestion("Choose a GeoTIFF first.")
    if tile_size_m is None:
        raise BadQuestion("Give the tiles a side in metres.")
    return BuildRequest(Path(path), float(tile_size_m), float(overlap))
