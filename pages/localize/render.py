"""What the first page's components show of an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from gallery import Answer, Match
from gallery.export import render
from gallery.judge.calibration import percent
from gallery.search.answer import PhotoProblem
from pages.common import cards, formatting, maps, widgets
from pages.common.answer_map import distance_to_photo_m
from pages.common.widgets import Values
from pages.localize.components import BEST, BEST_MANY, TABLE, TABLE_MANY, Outputs
from pages.localize.share import shared_page
from pages.services.locate import AnswerView, LocateService, PhotosView

EMPTY = (
    "No photo yet",
    "Drop a drone photo, paste one, or click an example: the tiles that look most like it appear here.",
)
STOPPED = "Stopped", "Nothing was answered."
GONE = (
    "This answer is not kept any more",
    "Answers are kept for an hour, and no longer than the server runs. Drop the photo again to ask again.",
)


def show_refusal(outputs: Outputs, service: LocateService, error: Exception) -> Values:
    """The error's sentence, over the map without an answer."""
    card = {outputs.card: cards.trouble_card(error)}
    return {**show_nothing(outputs, service), **card} if service.engine.ready else card


def show_nothing(outputs: Outputs, service: LocateService, said: tuple[str, str] = EMPTY) -> Values:
    """The page without a photo: where the gallery is, and a sentence. Args: said: heading and sentence."""
    return {
        outputs.card: cards.message_card(*said),
        outputs.plan: maps.iframe(service.first_map(), title="Map of the gallery"),
        outputs.fit: "",
        outputs.details: gr.Column(visible=False),
        **outputs.pose.filled(()),
        outputs.count: 0,
        outputs.mode: "one",
        outputs.asked: None,
        outputs.stop: gr.Button(visible=False),
    }


def show_answer(outputs: Outputs, shown: AnswerView, address: str | None = None, among: str = "") -> Values:
    """One photo's answer. Args: address, among: as `cards.Links` has them."""
    answer = shown.answer
    strip = [
        (picture, f"{match.rank} · {formatting.similarity(match.score)}{_away(answer, match)}\n{_centre(match)}")
        for picture, match in zip(shown.pictures, answer.matches, strict=True)
    ]
    rows = [
        [
            match.rank,
            match.tile.id,
            formatting.similarity(match.score),
            f"{match.tile.centre.lon:.6f}",
            f"{match.tile.centre.lat:.6f}",
            _away(answer, match, "") or "–",
        ]
        for match in answer.matches
    ]
    return {
        outputs.card: cards.verdict_card(
            answer, maps.picture_uri(shown.seen, 240), cards.Links(shown.stored_as, address, among)
        ),
        outputs.plan: maps.iframe(shown.map_page, basemap=shown.question.basemap) + cards.legend(answer),
        outputs.fit: "" if shown.overlay is None else cards.fit_view(answer, shown.overlay),
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: cards.section(*BEST),
        outputs.table: {"headers": TABLE, "data": rows},
        **_files(outputs, [answer], {"html": shown.map_page, "page.html": shared_page(shown)}),
        outputs.details: gr.Column(visible=bool(rows)),
        **outputs.pose.corrected(shown.stated, shown.question.correction),
        outputs.count: len(rows),
        outputs.mode: "one",
        outputs.asked: shown.question,
        outputs.stop: gr.Button(visible=False),
    }


def show_photos(outputs: Outputs, shown: PhotosView, address: str | None = None) -> Values:
    """Several photos' answers. Args: address: as `cards.Links` has it."""
    refused = [(result.photo, result.error) for result in shown.results if isinstance(result, PhotoProblem)]
    pictures = [picture for picture in shown.pictures if picture is not None]
    strip = []
    for number, (answer, picture) in enumerate(zip(shown.placed, pictures, strict=True), start=1):
        said = _said(answer)
        within = f" within {said.within}" if said.within else ""
        strip.append((picture, f"{number} · {said.verdict}{within}\n{answer.photo}\n{said.lon} {said.lat}"))
    located = sum(answer.verdict == "located" for answer in shown.placed)
    return {
        outputs.card: cards.summary_card(
            len(shown.results) - len(refused),
            refused,
            located,
            shown.timings,
            shown.asked - len(shown.results),
            address,
        ),
        outputs.plan: maps.iframe(shown.map_page, title="Map of all photos", basemap=shown.question.basemap),
        outputs.fit: "",
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: cards.section(*BEST_MANY),
        outputs.table: {"headers": TABLE_MANY, "data": _many_rows(shown)},
        **_files(outputs, shown.results, {"html": shown.map_page}),
        outputs.downloads["page.html"]: gr.DownloadButton(value=None, visible=False),
        outputs.details: gr.Column(visible=bool(strip)),
        outputs.count: len(strip),
        outputs.mode: "many",
        outputs.asked: shown.question,
        outputs.shown_set: shown.stored_as,
        outputs.stop: gr.Button(visible=False),
    }


@dataclass(frozen=True)
class _Said:
    """What a row says of a photo with a best tile; empty where it says nothing."""

    verdict: str
    sure: str = ""
    lon: str = ""
    lat: str = ""
    within: str = ""


def _said(answer: Answer) -> _Said:
    """The verdict and the place that the photo's own answer gives."""
    key, _, place = cards.found_of(answer)
    sure = "" if answer.confidence is None else percent(answer.confidence)
    if place is None:
        return _Said(cards.BADGES[key], sure)
    within = "" if answer.position is None else formatting.metres(answer.position.radius_m)
    return _Said(cards.BADGES[key], sure, f"{place.lon:.6f}", f"{place.lat:.6f}", within)


def _many_rows(shown: PhotosView) -> list[list[Any]]:
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
            said = _said(result)
            away = "" if result.exif is None else formatting.metres(result.exif.error_m)
            place = [said.sure, said.lon, said.lat, said.within, away or "–"]
            rows.append([number, result.photo, said.verdict, *place])
    return rows


def _centre(match: Match) -> str:
    """A tile's centre on two short lines."""
    return formatting.coordinates(match.tile.centre.lon, match.tile.centre.lat).replace(", ", "\n")


def _away(answer: Answer, match: Match, before: str = " · ") -> str:
    """The distance from the photo's own position to a tile, or nothing."""
    away_m = distance_to_photo_m(answer, match)
    return "" if away_m is None else before + formatting.metres(away_m)


def _files(outputs: Outputs, results: Sequence[Answer | PhotoProblem], pages: Mapping[str, str]) -> Values:
    """The answer as files. Args: pages: of HTML, by kind of file."""
    stem = f"{Path(results[0].photo).stem or 'photo'}-answer" if len(results) == 1 else "answers"
    texts = {"geojson": render(results, "geojson"), "kml": render(results, "kml"), "csv": render(results, "csv")}
    files = widgets.text_files(outputs.downloads, stem, {**texts, **pages})
    return {button: gr.DownloadButton(value=file, visible=True) for button, file in files.items()}
