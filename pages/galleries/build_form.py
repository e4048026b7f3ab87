"""The form to build a gallery from an uploaded GeoTIFF, and what can be done with a gallery of one's own."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio import processing_utils

from gallery.store.health import square
from pages.common import cards, formatting
from pages.common.widgets import Values
from pages.errors import BadQuestion
from pages.services.catalog import CatalogEntry
from pages.services.upload import MOST_BYTES, MOST_TILES, SUFFIXES, UploadPlan
from pages.services.visitor_builds import BuildRequest, VisitorBuilds, zipped

ABOUT = f"""
Up to {MOST_BYTES / 1e6:.0f} MB and {MOST_TILES:,} tiles. The gallery is yours alone, in this browser, for
{{hours:g}} hours, or less when others wait for a place; then it and the upload are deleted. Tiles as large as the
ground that your photos show work best. Stop ends a build at once, and nothing of it is kept.
"""


@dataclass(frozen=True)
class BuildForm:
    """What a visitor gives for a gallery of one's own."""

    file: gr.File
    tile_size_m: gr.Number
    overlap: gr.Slider
    planned: gr.HTML
    anyway: gr.Checkbox  # there for a raster that may be no picture
    build: gr.Button
    stop: gr.Button

    @property
    def given(self) -> set[gr.blocks.Block]:
        """What `request` reads."""
        return {self.file, self.tile_size_m, self.overlap, self.anyway}

    def request(self, given: Values) -> BuildRequest:
        """The inputs as one value.

        Raises:
            BadQuestion: something is missing.
        """
        if given[self.file] is None:
            raise BadQuestion("Choose a GeoTIFF first.")
        if given[self.tile_size_m] is None:
            raise BadQuestion("Give the tiles a side in metres.")
        return BuildRequest(Path(given[self.file]), float(given[self.tile_size_m]), float(given[self.overlap]))


@dataclass(frozen=True)
class OwnGallery:
    """What a visitor can do with a gallery of one's own."""

    row: gr.Row
    download: gr.DownloadButton
    remove: gr.Button

    def of(self, entry: CatalogEntry) -> Values:
        """What can be done with the chosen gallery."""
        if not entry.own:
            return {self.row: gr.Row(visible=False), self.download: None}
        copy = processing_utils.save_file_to_cache(zipped(entry), cache_dir=self.download.GRADIO_CACHE)
        return {self.row: gr.Row(visible=True), self.download: copy}


def make_own_gallery() -> OwnGallery:
    """Put the components into the Blocks at hand."""
    with gr.Row(visible=False) as row:
        download = gr.DownloadButton("↓ Download as ZIP", size="sm", min_width=120, elem_id="download-gallery")
        remove = gr.Button("Remove it", size="sm", min_width=90, elem_id="remove-gallery")
    return OwnGallery(row, download, remove)


def make_build_form(builds: VisitorBuilds) -> BuildForm:
    """Put the components into the Blocks at hand."""
    with gr.Accordion("Build one from your own GeoTIFF", open=False, elem_id="build"):
        gr.Markdown(ABOUT.format(hours=builds.live_s / 3600))
        file = gr.File(label="Orthophoto (GeoTIFF)", file_types=list(SUFFIXES), height=140, elem_id="geotiff")
        tile_size_m = gr.Number(100, label="Side of a tile, metres", minimum=1)
        overlap = gr.Slider(0, 0.75, value=0.5, step=0.05, label="Overlap")
        planned = gr.HTML("", elem_id="planned")
        anyway = gr.Checkbox(False, label="It is a picture of the ground: build it", visible=False, elem_id="anyway")
        with gr.Row():
            build = gr.Button("Build", variant="primary", interactive=False, min_width=100, elem_id="build-start")
            stop = gr.Button("Stop", variant="stop", interactive=False, min_width=100, elem_id="build-stop")
    return BuildForm(file, tile_size_m, overlap, planned, anyway, build, stop)


def plan_card(request: BuildRequest, made: UploadPlan) -> str:
    """What a build would make, before it begins."""
    text = (
        f"{formatting.metres(made.width_m)} by {formatting.metres(made.height_m)}, "
        f"{square(made.width_m * made.height_m)}, {made.metres_per_px:.2g} m a pixel. Empty tiles are left out."
    )
    title = f"{formatting.count(made.tiles, 'tile')} of {request.tile_size_m:g} m"
    if made.doubt:
        return cards.message_card("Is this a picture?", f"{made.doubt} {title}: {text}", "waiting")
    return cards.message_card(title, text)
