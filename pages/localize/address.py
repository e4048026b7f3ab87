"""What the address of the first page asks for, so that links, Back and reload bring it back. It holds no position."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from pages.services.locate import MOST_MATCHES
from pages.services.question import PhotoQuestion, Turn

LONGEST = 500
"""Letters of an address that are read."""

PLAIN = PhotoQuestion()
LEAST_KM, MOST_KM = 0.05, 20.0


@dataclass(frozen=True)
class Address:
    """What is to be shown.

    Attributes:
        gallery: its key; empty: the one that this visitor chose, or the first.
        example: the name of an example photo without its ending; empty: the first one.
        answer: the name under which an answer is kept.
        answers: the same of several photos' answers.
        question: how the example is searched.
    """

    gallery: str = ""
    example: str = ""
    answer: str = ""
    answers: str = ""
    question: PhotoQuestion = field(default=PLAIN)

    @classmethod
    def read(cls, query: object) -> "Address":
        """Read a query string, which may hold anything: what makes no sense is as if it were not there."""
        text = query[:LONGEST].lstrip("?") if isinstance(query, str) else ""
        given = dict(parse_qsl(text))
        named = {name: given.get(name, "") for name in ("gallery", "example", "answer", "answers")}
        return cls(**named, question=_question(given))

    @property
    def query(self) -> str:
        """The query string that `read` reads; empty for what the page shows by itself."""
        if self.answer or self.answers:
            return urlencode({"answer": self.answer} if self.answer else {"answers": self.answers})
        asked = self.question
        area = {"where": "exif", "radius": asked.radius_km} if asked.where == "exif" else {}
        said: dict[str, Any] = {"gallery": self.gallery, "example": self.example, **area}
        said |= {"k": asked.k} if asked.k != PLAIN.k else {}
        said |= {"turn": asked.turn} if asked.turn != PLAIN.turn else {}
        said |= {"hint": "exif"} if asked.use_exif else {}
        return urlencode({name: value for name, value in said.items() if value})


def can_be_written(question: PhotoQuestion) -> bool:
    """Whether an address can say how a photo was asked: not with a point, nor with what was set of its camera."""
    return question.where != "point" and question.correction.empty and not question.basemap


def _question(given: Mapping[str, str]) -> PhotoQuestion:
    question = PLAIN
    if given.get("k", "").isascii() and given.get("k", "").isdigit():
        question = replace(question, k=min(max(1, int(given["k"][:4])), MOST_MATCHES))
    turn = next((each for each in get_args(Turn) if each == given.get("turn")), None)
    question = question if turn is None else replace(question, turn=turn)
    if given.get("where") == "exif":
        question = replace(question, where="exif", radius_km=_radius_km(given.get("radius", "")))
    return replace(question, use_exif=given.get("hint") == "exif")


def _radius_km(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return PLAIN.radius_km
    return min(max(LEAST_KM, value), MOST_KM) if value == value else PLAIN.radius_km
