"""The pieces of HTML of the page of galleries: list, health, one tile; every text from a file is escaped here."""

import html
from collections.abc import Sequence

from PIL import Image

from gallery.store.health import Health, square
from pages.common import cards, formatting, maps
from pages.services.galleries import TILE_CARD_PX, Facts, TileView, marks_of, source_name

_HEADS = ("Gallery", "Tiles", "Area", "Metres per pixel", "Tile sides", "Model", "Licence of the imagery")


def gallery_list(galleries: Sequence[Facts], chosen: str) -> str:
    """A row for each gallery. Args: chosen: the key of the one that is shown."""
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(_row(facts, facts.key == chosen) for facts in galleries)
    return f'<div class="galleries"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(facts: Facts, chosen: bool) -> str:
    mine = ' <span class="badge">yours</span>' if facts.own else ""
    first = f"<td><b>{html.escape(facts.title)}</b>{mine}</td>"
    if facts.problem:
        cells = f'<td colspan="{len(_HEADS) - 1}" class="problem">{html.escape(facts.problem)}</td>'
    else:
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in _cells(facts))
    mark = ' class="chosen" aria-selected="true"' if chosen else ""
    return f'<tr data-key="{html.escape(facts.key)}" tabindex="0"{mark}>{first}{cells}</tr>'


def _cells(facts: Facts) -> tuple[str, ...]:
    fine, coarse = facts.metres_per_px or (0.0, 0.0)
    resolution = f"{fine:.2g}" if f"{fine:.2g}" == f"{coarse:.2g}" else f"{fine:.2g} to {coarse:.2g}"
    sides = ", ".join(f"{side:g}" for side in facts.sides_m)
    return (
        f"{facts.tiles:,}",
        "–" if facts.area_m2 is None else square(facts.area_m2),
        resolution,
        f"{sides} m" if sides else "–",
        facts.model or "–",
        facts.licence or "not stated",
    )


def legend() -> str:
    """What the colours on a gallery's map mean."""
    signs = {"duplicate": "repeated", "lookalike": "looks like another place", "blank": "no detail", "gap": "gap"}
    return (
        '<p class="legend">' + "".join(f'<span class="{kind}">{text}</span>' for kind, text in signs.items()) + "</p>"
    )


def health_card(health: Health) -> str:
    """What may go wrong because of the gallery; each kind that is there goes through its tiles on the map."""
    lines = "".join(
        f'<li class="{finding.kind}">'
        + (
            f'<button type="button" data-kind="{finding.kind}">{html.escape(finding.sentence)}</button>'
            if finding.count
            else html.escape(finding.sentence)
        )
        + "</li>"
        for finding in health.findings
    )
    parts = f" in {formatting.count(health.parts, 'separate area')}" if health.parts > 1 else ""
    title = f"{formatting.count(health.tiles, 'tile')}, {square(health.area_m2)}{parts}"
    hint = "<p>Choose a line to go through its places on the map.</p>" if _any(health) else ""
    return (
        f'<div class="card quiet health" role="status" data-marks="{html.escape(marks_of(health))}">'
        f'<h3>{title}</h3><ul class="findings">{lines}</ul>{hint}</div>'
    )


def _any(health: Health) -> bool:
    return any(finding.count for finding in health.findings)


def tile_card(view: TileView) -> str:
    """A tile with its picture, and beside it the one of another place that looks like it."""
    tile = view.tile
    facts = [
        ("Centre", formatting.coordinates(tile.centre.lon, tile.centre.lat), ""),
        ("Side", formatting.metres(view.side_m), ""),
        ("Metres per pixel", f"{tile.metres_per_px:.2g}", ""),
        ("From", source_name(tile), ""),
        ("Extent", tile.placed, ""),
    ]
    pictures = _figure(view.picture, "The tile", "")
    remarks = list(view.remarks)
    if view.twin is not None and view.cosine is not None:
        likeness = f"{view.twin.id} · similarity {formatting.similarity(view.cosine)}"
        pictures += _figure(view.twin_picture, "The tile of another place that looks like it", likeness)
        remarks.append("To the network it looks like the tile of another place beside it.")
    return (
        f'<div class="card quiet tile" role="status"><h3>{html.escape(tile.id)}</h3>'
        f'{cards.fact_list(facts)}{cards.note_list(remarks)}<div class="pictures">{pictures}</div></div>'
    )


def _figure(picture: Image.Image | None, what: str, caption: str) -> str:
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    if picture is None:
        return f'<figure><div class="none">The imagery is not there any more.</div>{below}</figure>'
    uri = maps.picture_uri(picture, TILE_CARD_PX)
    return f'<figure><img src="{uri}" alt="{what}">{below}</figure>'
