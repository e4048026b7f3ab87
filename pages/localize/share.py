"""One answer as one HTML file to send around: text and pictures, no script, nothing that asks another host."""

import html

from PIL import Image

from pages.common import cards, formatting
from pages.common.maps import picture_uri
from pages.services.locate import AnswerView

LONGEST_PX = 1000
STYLE = """:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:900px;margin:0 auto;
padding:16px}
h1{font-size:24px;margin:0}figure{margin:18px 0}img{display:block;max-width:100%;border-radius:8px}
figcaption,footer,small{color:light-dark(#475569,#a9b8c9);font-size:14px}table{border-collapse:collapse}
td,th{padding:2px 14px 2px 0;text-align:left;font-variant-numeric:tabular-nums}button{display:none}"""


def shared_page(shown: AnswerView) -> str:
    """The answer as a page: verdict, place, why, and the pictures. Text from files is only ever text."""
    answer = shown.answer
    verdict, sure, place = cards.found_of(answer) if answer.matches else ("missing", "No tile was searched.", None)
    title = cards.BADGES[verdict]
    where = ""
    if place is not None:
        title = f"{title}: {formatting.coordinates(place.lon, place.lat)}"
        where = cards.place_line(place)
    why = [] if answer.check is None or not answer.check.reason else [answer.check.reason]
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in dict.fromkeys([*why, *answer.notes]))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<meta name="referrer" content="no-referrer"><title>{html.escape(answer.photo)}</title><style>{STYLE}</style>'
        f"</head><body><p><small>{html.escape(answer.photo)}</small></p><h1>{html.escape(title)}</h1>"
        f"<p><b>{html.escape(sure)}</b></p>{where}<ul>{notes}</ul>{_pictures(shown)}{_tiles(shown)}"
        "<footer>Made by the drone-photo locator. Whoever gets this file learns the place of the photo.</footer>"
        "</body></html>"
    )


def _pictures(shown: AnswerView) -> str:
    figures = [_figure(shown.picture, "The photo")]
    if shown.overlay is not None:
        figures.append(_figure(shown.overlay.below, "Photo and ground, with lines between matching points"))
        figures.append(_figure(shown.overlay.photo, "The photo as it lies on the ground, north up"))
        figures.append(_figure(shown.overlay.ground, "The ground there, north up"))
    elif shown.pictures:
        figures.append(_figure(shown.pictures[0], "The tile that looks most like it"))
    return "".join(figures)


def _figure(picture: Image.Image, caption: str) -> str:
    uri = picture_uri(picture, LONGEST_PX, 80)
    return f'<figure><img src="{uri}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _tiles(shown: AnswerView) -> str:
    rows = "".join(
        f"<tr><td>{match.rank}</td><td>{html.escape(match.tile.id)}</td><td>{formatting.similarity(match.score)}</td>"
        f"<td>{formatting.coordinates(match.tile.centre.lon, match.tile.centre.lat)}</td></tr>"
        for match in shown.answer.matches
    )
    heads = "<tr><th>#</th><th>Tile</th><th>Similarity</th><th>Centre</th></tr>"
    return f"<table>{heads}{rows}</table>" if rows else ""
