"""One query as HTML: query, first tile and true tile side by side, and the strip of ranked tiles with their marks."""

import html
from collections.abc import Sequence

from pages.common import cards, formatting
from pages.inspect.query_text import QueryText
from pages.services.query_pictures import Mark, QueryPictures, RankedTile

SIGNS: dict[Mark, tuple[str, str]] = {
    "true": ("✓", "true tile"),
    "near": ("≈", "overlaps the true tile, or lies near"),
    "wrong": ("✗", "wrong tile"),
    "unknown": ("?", "nobody knows the true tile"),
}
"""A sign beside each colour: green, amber, red and grey are not told apart by everybody."""


def query_card(query: QueryPictures, text: QueryText, ground: str = "") -> str:
    """The whole view of one query. Args: ground: the map of its probability, as HTML."""
    kind = "" if query.right is None else "right" if query.right else "wrong"
    first = query.strip[0] if query.strip else None
    heat_note = f'<p class="told">{html.escape(query.heat_caption)}</p>' if query.heat_caption else ""
    return (
        f'<section class="query card {kind}" data-query="{html.escape(query.name)}">'
        f'<p class="eyebrow"><span class="file">{html.escape(query.name)}</span></p>'
        f"<h3>{html.escape(text.verdict)}</h3>"
        f"{cards.fact_list(text.facts)}{cards.note_list(text.notes)}"
        f'<div class="trio">{_picture("Query", "", "plain", query.photo, query.heat[0])}'
        f"{_first(first, query.heat[1])}{_truth(query, first, query.heat[2])}{_twin(query.twin)}</div>{heat_note}"
        f"{strip(query.strip)}{ground}</section>"
    )


def strip(ranked: Sequence[RankedTile], title: str = "") -> str:
    """Ranked tiles in one line that scrolls."""
    if not ranked:
        return ""
    name = f"<h4>{html.escape(title)}</h4>" if title else ""
    tiles = "".join(_ranked(tile) for tile in ranked)
    return f'{name}<ol class="ranked" tabindex="0" aria-label="Ranked tiles">{tiles}</ol>'


def _ranked(tile: RankedTile) -> str:
    sign, meaning = SIGNS[tile.mark]
    away = "" if tile.metres is None else f'<span class="off">{formatting.metres(tile.metres)}</span>'
    return (
        f'<li class="{tile.mark}" title="{html.escape(f"{tile.tile_id}: {meaning}")}">{_image(tile.uri, tile.tile_id)}'
        f'<p><b><span class="sign" role="img" aria-label="{meaning}">{sign}</span> {tile.rank}</b> '
        f"{formatting.similarity(tile.score)}{away}</p></li>"
    )


def _first(first: RankedTile | None, heat: str | None) -> str:
    if first is None:
        return _picture("First tile", "", "unknown", None, None, "No tile was found.")
    away = "" if first.metres is None else f" · {formatting.metres(first.metres)} off"
    text = f"{first.tile_id} · {formatting.similarity(first.score)}{away}"
    return _picture(f"{SIGNS[first.mark][0]} First tile", text, first.mark, first.uri, heat)


def _truth(query: QueryPictures, first: RankedTile | None, heat: str | None) -> str:
    truth = query.truth
    if truth is None:
        return _picture("True tile", "", "unknown", None, None, query.truth_missing or "The true tile is not known.")
    rank = "not among the ranked" if not truth.rank else f"rank {truth.rank}"
    if first is not None and truth.tile_id == first.tile_id:
        rank = "the first tile"
    score = "" if truth.score != truth.score else f" · {formatting.similarity(truth.score)}"
    return _picture("✓ True tile", f"{truth.tile_id} · {rank}{score}", "true", truth.uri, heat)


def _twin(twin: RankedTile | None) -> str:
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
