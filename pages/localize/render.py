"""What the first page's components show of an answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from gallery import Answer, Match
from gallery.export import render
from gallery.search.answer import PhotoProblem
from pages.common import cards, formatting, maps, widgets
from pages.common.answer_map import distance_to_photo_m
from pages.common.widgets import Values
from pages.localize.components import BEST, BEST_MANY, TABLE, TABLE_MANY, Outputs
from pages.services.locate import AnswerView, LocateService, PhotosView

EMPTY = (
    "No photo yet",
    "Drop a drone photo, paste one, or click an example: the tiles that look most like it appear here.",
)


def show_refusal(outputs: Outputs, service: LocateService, error: Exception) -> Values:
    """The error's sentence, over the map without an answer."""
    card = {outputs.card: cards.trouble_card(error)}
    return {**show_nothing(outputs, service), **card} if service.engine.ready else card


def show_nothing(outputs: Outputs, service: LocateService) -> Values:
    """The page before any photo: where the gallery is, and a sentence."""
    return {
        outputs.card: cards.message_card(*EMPTY),
        outputs.plan: maps.iframe(service.first_map(), title="Map of the gallery"),
        outputs.fit: "",
        outputs.details: gr.Column(visible=False),
        **outputs.pose.filled(()),
        outputs.count: 0,
        outputs.mode: "one",
    }


def show_answer(outputs: Outputs, shown: AnswerView) -> Values:
    """One photo's answer."""
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
        outputs.card: cards.verdict_card(answer, maps.picture_uri(shown.seen, 240), inspect=shown.stored_as),
        outputs.plan: maps.iframe(shown.map_page, basemap=shown.basemap) + cards.legend(answer),
        outputs.fit: "" if shown.overlay is None else cards.fit_view(answer, shown.overlay),
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: cards.section(*BEST),
        outputs.table: {"headers": TABLE, "data": rows},
        **_files(outputs, [answer], shown.map_page),
        outputs.details: gr.Column(visible=bool(rows)),
        **outputs.pose.filled(shown.stated),
        outputs.count: len(rows),
        outputs.mode: "one",
    }


def show_photos(outputs: Outputs, shown: PhotosView) -> Values:
    """Several photos' answers."""
    refused = [(result.photo, result.error) for result in shown.results if isinstance(result, PhotoProblem)]
    pictures = [picture for picture in shown.pictures if picture is not None]
    strip = []
    for number, (answer, picture) in enumerate(zip(shown.placed, pictures, strict=True), start=1):
        best = answer.matches[0]
        text = f"{number} · {formatting.similarity(best.score)}{_away(answer, best)}\n{answer.photo}\n{_centre(best)}"
        strip.append((picture, text))
    located = sum(answer.verdict == "located" for answer in shown.placed)
    return {
        outputs.card: cards.summary_card(len(shown.results) - len(refused), refused, located, shown.timings),
        outputs.plan: maps.iframe(shown.map_page, title="Map of all photos", basemap=shown.basemap),
        outputs.fit: "",
        outputs.strip: gr.Gallery(strip, selected_index=None),
        outputs.heading: cards.section(*BEST_MANY),
        outputs.table: {"headers": TABLE_MANY, "data": _many_rows(shown)},
        **_files(outputs, shown.results, shown.map_page),
        outputs.details: gr.Column(visible=bool(strip)),
        outputs.count: len(strip),
        outputs.mode: "many",
    }


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
            best = result.matches[0]
            centre = best.tile.centre
            centre_and_error = [f"{centre.lon:.6f}", f"{centre.lat:.6f}", _away(result, best, "") or "–"]
            rows.append(
                [
                    number,
                    result.photo,
                    result.verdict,
                    best.tile.id,
                    formatting.similarity(best.score),
                    *centre_and_error,
                ]
            )
    return rows


def _centre(match: Match) -> str:
    """A tile's centre on two short lines."""
    return formatting.coordinates(match.tile.centre.lon, match.tile.centre.lat).replace(", ", "\n")


def _away(answer: Answer, match: Match, before: str = " · ") -> str:
    """The distance from the photo's own position to a tile, or nothing."""
    away_m = distance_to_photo_m(answer, match)
    return "" if away_m is None else before + formatting.metres(away_m)


def _files(outputs: Outputs, results: Sequence[Answer | PhotoProblem], map_page: str) -> Values:
    """The answer as files."""
    stem = f"{Path(results[0].photo).stem or 'photo'}-answer" if len(results) == 1 else "answers"
    texts = {"geojson": render(results, "geojson"), "kml": render(results, "kml"), "csv": render(results, "csv")}
    return widgets.text_files(outputs.downloads, stem, {**texts, "html": map_page})
