"""The web API: the endpoint /localize answers one photo as the command line does."""

from pathlib import Path
from typing import Any

import gradio as gr

from gallery.photo.correction import QUANTITIES, PoseCorrection
from pages.common import widgets
from pages.errors import SPOKEN, BadQuestion, sentence
from pages.services.catalog import GalleryCatalog
from pages.services.question import PhotoQuestion, Where


def web_api(catalog: GalleryCatalog) -> None:
    """The endpoint /localize: the answer of one photo as the command line gives it."""

    def localize(
        photo: str | None,
        k: float | None = 5,
        lon: float | None = None,
        lat: float | None = None,
        radius_km: float | None = None,
        gallery: str | None = None,
        heading_deg: float | None = None,
        pitch_deg: float | None = None,
        height_m: float | None = None,
        focal_35mm: float | None = None,
    ) -> dict[str, Any]:
        name = Path(photo).name if photo else ""
        try:
            if photo is None:
                raise BadQuestion("No photo was given.")
            area = (lon, lat, radius_km)
            if any(value is not None for value in area) and None in area:
                raise BadQuestion("An area needs lon, lat and radius_km, all three.")
            where: Where = "all" if lon is None else "point"
            question = PhotoQuestion(
                5 if k is None else int(k),
                "heading",
                where,
                lon,
                lat,
                1.0 if radius_km is None else radius_km,
                correction=PoseCorrection(heading_deg, pitch_deg, height_m, focal_35mm),
            )
            return catalog.named(gallery).service.locate(photo, question).to_dict()
        except SPOKEN as error:
            return {"photo": name, "error": sentence(error)}

    with gr.Row(visible=False):
        photo = widgets.RawPhoto(label="photo")
        k = gr.Number(5, label="k", precision=0)
        area = [gr.Number(None, label=label) for label in ("lon", "lat", "radius_km")]
        gallery = gr.Textbox(None, label="gallery")
        pose = [gr.Number(None, label=label) for label in QUANTITIES.values()]
        answer = gr.JSON(label="answer")
        gr.Button("localize").click(
            localize,
            [photo, k, *area, gallery, *pose],
            answer,
            api_name="localize",
            api_description="Where was this photo taken? Returns photo, matches (rank, tile_id, score, lon, lat, "
            "bounds), position, verdict, confidence, exif, geometry and pose (what was believed of the camera); or "
            "photo and error for a photo that cannot be read. "
            "lon, lat (degrees) and radius_km limit the search to an area; gallery names the one to search "
            "(default: the first). heading_deg, pitch_deg (-90 looks straight down), height_m and focal_35mm count in "
            "place of what the photo states.",
            concurrency_limit=4,
            concurrency_id="answers",
        )
