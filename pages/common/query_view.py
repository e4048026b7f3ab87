"""One query as HTML: query, first tile and true tile side by side, and the strip of ranked tiles with their marks."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pages.common import formatting

Mark = Literal["true", "near", "wrong", "unknown"]

SIGNS: dict[Mark, tuple[str, str]] = {
    "true": ("✓", "true tile"),
    "near": ("≈", "overlaps the true tile, or lies near"),
    "wrong": ("✗", "wrong tile"),
    "unknown": ("?", "nobody knows the true tile"),
}
"""A sign beside each colour: green, amber, red and grey are not told apart by everybody."""


@dataclass(frozen=True)
class Ranked:
    """A tile in the strip."""

    rank: int
    tile_id: str
    score: float
    mark: Mark
    metres: float | None
    uri: str | None  # of its picture; None: it could not be read


@dataclass(frozen=True)
class Sight:
    """A query, or a fresh photo, with all that is drawn of it."""

    name: str
    verdict: str  # one sentence
    right: bool | None  # None: the truth is not known
    facts: tuple[tuple[str, str, str], ...]  # name, value, what it means
    notes: tuple[str, ...]  # flags and what is missing
    photo: str | None  # data URI, as `Ranked.uri`
    strip: tuple[Ranked, ...]
    truth: Ranked | None  # the true tile, rank 0 where it is not among the ranked
    truth_missing: str = ""  # why there is none
    twin: Ranked | None = None  # another tile that looks like the true one; its score is their cosine
    heat: tuple[str | None, str | None, str | None] = (None, None, None)  # over photo, first tile and true tile
    heat_caption: str = ""


def sight(shown: Sight) -> str:
    """The whole view of one query."""
    kind = "" if shown.right is None else "right" if shown.right else "wrong"
    facts = "".join(
        f'<div title="{html.escape(hint)}"><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>'
        for name, value, hint in shown.facts
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in shown.notes)
    first = shown.strip[0] if shown.strip else None
    heat_note = f'<p class="told">{html.escape(shown.heat_caption)}</p>' if shown.heat_caption else ""
    return (
        f'<section class="query card {kind}" data-query="{html.escape(shown.name)}">'
        f'<p class="eyebrow"><span class="file">{html.escape(shown.name)}</span></p>'
        f"<h3>{html.escape(shown.verdict)}</h3>"
        f'<dl class="facts">{facts}</dl><ul class="notes">{notes}</ul>'
        f'<div class="trio">{_picture("Query", "", "plain", shown.photo, shown.heat[0])}'
        f"{_first(first, shown.heat[1])}{_truth(shown, first, shown.heat[2])}{_twin(shown.twin)}</div>{heat_note}"
        f"{strip(shown.strip)}</section>"
    )


def strip(ranked: Sequence[Ranked], title: str = "") -> str:
    """Ranked tiles in one line that scrolls."""
    if not ranked:
        return ""
    name = f"<h4>{html.escape(title)}</h4>" if title else ""
    return f'{name}<ol class="ranked">{"".join(_ranked(tile) for tile in ranked)}</ol>'


def _ranked(tile: Ranked) -> str:
    sign, meaning = SIGNS[tile.mark]
    away = "" if tile.metres is None else f'<span class="off">{formatting.metres(tile.metres)}</span>'
    return (
        f'<li class="{tile.mark}" title="{html.escape(f"{tile.tile_id}: {meaning}")}">{_image(tile.uri, tile.tile_id)}'
        f'<p><b><span class="sign" role="img" aria-label="{meaning}">{sign}</span> {tile.rank}</b> '
        f"{formatting.similarity(tile.score)}{away}</p></li>"
    )


def _first(first: Ranked | None, heat: str | None) -> str:
    if first is None:
        return _picture("First tile", "", "unknown", None, None, "No tile was found.")
    away = "" if first.metres is None else f" · {formatting.metres(first.metres)} off"
    text = f"{first.tile_id} · {formatting.similarity(first.score)}{away}"
    return _picture(f"{SIGNS[first.mark][0]} First tile", text, first.mark, first.uri, heat)


def _truth(shown: Sight, first: Ranked | None, heat: str | None) -> str:
    truth = shown.truth
    if truth is None:
        return _picture("True tile", "", "unknown", None, None, shown.truth_missing or "The true tile is not known.")
    rank = "not among the ranked" if not truth.rank else f"rank {truth.rank}"
    if first is not None and truth.tile_id == first.tile_id:
        rank = "the first tile"
    score = "" if truth.score != truth.score else f" · {formatting.similarity(truth.score)}"
    return _picture("✓ True tile", f"{truth.tile_id} · {rank}{score}", "true", truth.uri, heat)


def _twin(twin: Ranked | None) -> str:
    if twin is None:
        return ""
    return _picture(
        "≈ Twin of the true tile", f"{twin.tile_id} · {formatting.similarity(twin.score)}", "near", twin.uri, None
    )


def _picture(title: str, text: str, mark: str, uri: str | None, heat: str | None, missing: str = "") -> str:
    over = f'<img class="heat" src="{heat}" alt="Heat map">' if heat else ""
    return (
        f'<figure class="{mark}"><div class="frame">{_image(uri, title, missing)}{over}</div>'
        f"<figcaption><b>{html.escape(title)}</b><span>{html.escape(text)}</span></figcaption></figure>"
    )


def _image(uri: str | None, name: str, missing: str = "") -> str:
    if uri is None:
        return f'<div class="no-picture">{html.escape(missing or "No picture")}</div>'
    return f'<img src="{uri}" alt="{html.escape(name)}">'
