"""What is said of a query, or of a fresh photo: a verdict in one sentence, its figures, and notes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gallery import Answer
from gallery.judge.calibration import percent
from gallery.report.flags import FLAGS
from gallery.report.ground import OUTCOMES
from pages.common import formatting

_FRESH_VERDICTS = {
    None: "Nobody knows whether this is right",
    True: "Right, by the photo's EXIF",
    False: "Wrong, if the photo's EXIF is right",
}


@dataclass(frozen=True)
class QueryText:
    """What stands beside a query's pictures."""

    verdict: str  # one sentence
    facts: tuple[tuple[str, str, str], ...]  # name, value, what it means
    notes: tuple[str, ...]  # flags and what is missing


def text_of_row(row: "pd.Series[Any]", right: bool | None) -> QueryText:
    """What a report knows of a query. Args: right: None: it does not know the truth."""
    notes = [text.capitalize() for flag, text in FLAGS.items() if row[f"flag_{flag}"]]
    if row["on_ground"] in OUTCOMES:
        words = OUTCOMES[row["on_ground"]]
        notes.insert(0, f"{words[0].upper()}{words[1:]}.")
    return QueryText(_row_verdict(row, right), _row_facts(row), tuple(notes))


def text_of_answer(answer: Answer, right: bool | None) -> QueryText:
    """What is known of a fresh photo. Args: right: whether the first tile covers its place by EXIF; None: unknown."""
    facts = [("Verdict", answer.verdict.capitalize(), "")]
    if answer.matches:
        score = formatting.similarity(answer.matches[0].score)
        facts.append(("Score", score, "Cosine of the photo and the first tile"))
    if answer.exif is not None:
        error = formatting.metres(answer.exif.error_m)
        facts.append(("Error", error, "From the place by EXIF to the first tile's centre"))
    if answer.confidence is not None:
        facts.append(("Confidence", percent(answer.confidence), "Calibrated"))
    return QueryText(_FRESH_VERDICTS[right], tuple(facts), answer.notes)


def _row_verdict(row: "pd.Series[Any]", right: bool | None) -> str:
    if right is None:
        return "The report does not know the truth"
    if right:
        return "Right"
    if row["flag_outside"]:
        return "Wrong: no tile of the gallery shows this place"
    if math.isnan(row["rank"]):
        return "Wrong: the true tile is not among the ranked"
    return f"Wrong: the true tile has rank {row['rank']:.0f}"


def _truth_by_ground(row: "pd.Series[Any]") -> str:
    """Where the truth stood among the places that a photo was laid down at."""
    if row["on_ground"] not in OUTCOMES or row["on_ground"] == "unlaid" or math.isnan(row["ground_places"]):
        return ""
    among = f"{row['ground_places']:.0f} places"
    return f"none of {among}" if math.isnan(row["ground_rank"]) else f"rank {row['ground_rank']:.0f} of {among}"


def _row_facts(row: "pd.Series[Any]") -> tuple[tuple[str, str, str], ...]:
    def known(value: float, text_of: Callable[[float], str]) -> str:
        return "" if value is None or math.isnan(value) else text_of(value)

    facts = [
        ("Place", row["place"] or "", "The true place"),
        ("Taken for", "" if row["right"] else row["answered_place"] or "", "The place of the first tile"),
        ("Altitude", known(row["altitude_m"], formatting.metres), "Height of the camera above the ground"),
        ("Condition", row["condition"] or "", ""),
        ("Score", known(row["score"], formatting.similarity), "Cosine of the query and the first tile"),
        ("Margin", known(row["margin"], lambda value: f"{value:+.3f}"), "Best true minus best wrong score"),
        ("Error", known(row["error_m"], formatting.metres), "From the first tile's centre to the truth"),
        ("AP", known(row["ap"], lambda value: f"{value:.0%}"), "Average precision of the query"),
        ("Confidence", known(row["confidence"], percent), "Calibrated"),
        ("By the ground", known(row["ground_probability"], percent), "Its most probable place, right within 25 m"),
        ("Not on this ground", known(row["ground_absent"], percent), "Probability that the photo shows none of it"),
        ("Truth by the ground", _truth_by_ground(row), "Among the places that the photo was laid down at"),
        ("Truth by the embedding", known(row["embedding_rank"], lambda rank: f"rank {rank:.0f}"), "Before the ground"),
    ]
    return tuple(fact for fact in facts if isinstance(fact[1], str) and fact[1])
