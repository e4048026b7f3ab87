"""The small pieces of HTML between the components; every text from a file is escaped here."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gallery import Answer
from gallery.geo import LonLat
from gallery.grid_references import grid_references
from gallery.judge.calibration import percent
from gallery.judge.overlay import MOST_LINES, Overlay
from pages.common import formatting, static
from pages.common.maps import picture_uri
from pages.errors import sentence

LOGO = static.text("logo.svg")


def message_card(title: str, text: str = "", kind: str = "quiet", address: str | None = None) -> str:
    """A card that says one thing. Args: kind: quiet, waiting or error. address: as for `verdict_card`."""
    role = "alert" if kind == "error" else "status"
    more = f"<p>{html.escape(text)}</p>" if text else ""
    return f'<div class="card {kind}" role="{role}"{_names(address)}><h3>{html.escape(title)}</h3>{more}</div>'


def _names(address: str | None) -> str:
    """The attribute by which static/address.js learns the address of what is shown."""
    return "" if address is None else f' data-address="{html.escape(address)}"'


_SIGNS = {
    "best": "best tile",
    "other": "further tiles",
    "stated": "place by the photo's EXIF",
    "camera": "camera",
    "found": "position and radius",
    "shown": "what the photo shows",
}


def fact_list(facts: Iterable[tuple[str, str, str]]) -> str:
    """Values with their names. Args: facts: name, value, and what it means, which shows under the pointer."""
    terms = "".join(
        f'<div title="{html.escape(hint)}"><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>'
        for name, value, hint in facts
    )
    return f'<dl class="facts">{terms}</dl>'


def note_list(notes: Iterable[str]) -> str:
    """Sentences, one to a line."""
    return f'<ul class="notes">{"".join(f"<li>{html.escape(note)}</li>" for note in notes)}</ul>'


def trouble_card(error: Exception, title: str = "This did not work") -> str:
    """The sentence of an error that is meant for the visitor."""
    return message_card(title, sentence(error), "error")


def legend(answer: Answer) -> str:
    """What the signs on an answer's map mean; only those that are there."""
    shown = ["best", "other"] if answer.matches else []
    shown += ["stated", "camera"] if answer.exif is not None else []
    shown += ["found"] if answer.position is not None else []
    shown += ["shown"] if answer.fit is not None else []
    return '<p class="legend">' + "".join(f'<span class="{sign}">{_SIGNS[sign]}</span>' for sign in shown) + "</p>"


def fit_view(answer: Answer, overlay: Overlay) -> str:
    """How a photo lies on the ground: the points that agree, and the photo over the ground under a slider.

    The slider is the browser's own range input over two pictures, so that keys move it and screen readers name it;
    `gr.ImageSlider` follows the pointer only.
    """
    assert answer.fit is not None
    inliers, longest_px = answer.fit.inliers, 2000
    shown = f"{MOST_LINES} of the {inliers}" if inliers > MOST_LINES else f"The {inliers}"
    beside, below = (picture_uri(picture, longest_px, 80) for picture in (overlay.beside, overlay.below))
    shape = overlay.ground.width / overlay.ground.height
    ground, photo = (picture_uri(picture, longest_px, 80) for picture in (overlay.ground, overlay.photo))
    return (
        '<details class="fit"><summary>How it fits <span>matching points, and the photo on its ground</span></summary>'
        f'<figure><picture><source media="(max-width: 640px)" srcset="{below}">'
        f'<img src="{beside}" alt="Photo and ground with lines between matching points"></picture>'
        f"<figcaption>{shown} matching points, in the photo and on the ground, which is turned as the photo looks."
        "</figcaption></figure>"
        f'<figure class="curtain"><div class="compare" style="--shape: {shape:.4f}">'
        f'<img src="{ground}" alt="The ground, north up">'
        f'<img class="over" src="{photo}" alt="The photo on that ground"><i></i>'
        '<input type="range" min="0" max="100" value="50" step="1" aria-label="Percent of the width that shows the '
        'photo"></div><button type="button" class="full">Full size</button>'
        "<figcaption>Left of the slider the photo as it lies on the ground, right the ground itself; "
        "north is up. Roofs and trees lean away, for the ground is taken as flat.</figcaption></figure></details>"
    )


def section(title: str, more: str = "") -> str:
    """A heading between the parts of the page."""
    return f"<h2>{html.escape(title)}</h2><span>{html.escape(more)}</span>"


@dataclass(frozen=True)
class Links:
    """Where an answer is found again.

    Attributes:
        inspect: the name under which the inspect page finds it; empty: it does not.
        address: the query string that brings it back; None: the address stays as it is.
        among: the query string that brings back all photos that were asked with it; empty: it was asked alone.
    """

    inspect: str = ""
    address: str | None = None
    among: str = ""


NO_LINKS = Links()


def verdict_card(answer: Answer, seen_uri: str, links: Links = NO_LINKS) -> str:
    """What to think of an answer: verdict, place and the reason; how alike, how far from the photo's EXIF, how long.

    Args: seen_uri: the photo as the network sees it, as a data URI.
    """
    if not answer.matches:
        return _card("missing", "No tile lies in the area that was searched.", None, answer, [], seen_uri, links)
    facts = []
    if answer.exif is not None:
        where = "the position" if answer.fit is not None else "the centre of the best tile"
        hint = f"From the place that the photo's EXIF gives to {where}. EXIF may be wrong."
        facts.append(("From place by EXIF", formatting.metres(answer.exif.error_m), hint))
    return _card(*found_of(answer), answer, facts, seen_uri, links)


NOT_FOUND = 0.1
"""Below this probability the best tile is no answer: nine of ten such would send somebody to a wrong place."""


def found_of(answer: Answer) -> tuple[str, str, LonLat | None]:
    """What an answer with tiles says first: a key of `BADGES`, how sure in a sentence, and the place that it names."""
    likely = "" if answer.confidence is None else percent(answer.confidence)
    sure = likely and f"{likely[0].upper()}{likely[1:]} sure"
    if answer.verdict == "located" and answer.position is not None:
        within = f"within {formatting.metres(answer.position.radius_m)}"
        sentence = f"{sure}, {within}." if sure else f"{within.capitalize()}."
        return "located", sentence, LonLat(answer.position.lon, answer.position.lat)
    if answer.confidence is not None and answer.confidence < NOT_FOUND:
        return (
            "missing",
            "No place in this gallery fits. The tiles that look most like the photo are listed below.",
            None,
        )
    centre = answer.matches[0].tile.centre
    return "unsure", f"{sure}: not confirmed." if sure else "Not confirmed.", centre


BADGES = {"located": "Located", "unsure": "Unsure", "missing": "Not found"}
_SAID = {"located": "", "unsure": "Perhaps ", "missing": "Not found here"}


def place_line(point: LonLat) -> str:
    """A place in the grids that people use, each to be copied, and a link that opens it in a map of streets."""
    grids = grid_references(point)
    named = {"UTM": grids.utm, "MGRS": grids.mgrs, "Plus code": grids.plus_code}
    written = "".join(f"<span>{name} {_copied(text)}</span>" for name, text in named.items() if text)
    address = f"https://www.openstreetmap.org/?mlat={point.lat:.6f}&amp;mlon={point.lon:.6f}#map=17/{point.lat:.6f}/{point.lon:.6f}"
    link = f'<a href="{address}" target="_blank" rel="noreferrer">Open in OpenStreetMap</a>'
    return f'<p class="places">{written}{link}</p>'


def _copied(text: str) -> str:
    """A text with a button that copies it (copy.js)."""
    shown = html.escape(text)
    return f'<b>{shown}</b><button type="button" class="copy" data-copy="{shown}" aria-label="Copy {shown}"></button>'


def _details(answer: Answer) -> str:
    """What explains an answer to whoever wants to know: the tile, its similarity, and the time of each stage."""
    best = answer.matches[0]
    facts = [
        ("Best tile", best.tile.id, ""),
        ("Similarity", formatting.similarity(best.score), "Cosine of photo and tile: it ranks, it is no probability."),
    ]
    return f'<details class="more"><summary>Details</summary>{fact_list(facts)}{stages_line(answer.timings)}</details>'


def _card(
    verdict: str,
    sure: str,
    place: LonLat | None,
    answer: Answer,
    facts: Sequence[tuple[str, str, str]],
    seen_uri: str,
    links: Links,
) -> str:
    title = _SAID[verdict]
    if place is not None:
        title += _copied(formatting.coordinates(place.lon, place.lat))
    why = "" if answer.check is None else answer.check.reason
    reason = f'<p class="why">{html.escape(why)}</p>' if why else ""
    notes = note_list(note for note in answer.notes if note != why)
    return (
        f'<div class="card {verdict}" role="status"{_names(links.address)}><figure class="seen">'
        f'<img src="{seen_uri}" alt="The photo as the network sees it"><figcaption>as the network sees it</figcaption>'
        "</figure>"
        f'<p class="eyebrow"><span class="badge">{BADGES[verdict]}</span>'
        f'<span class="file">{html.escape(answer.photo)}</span></p><h3>{title}</h3>'
        f'<p class="sure">{html.escape(sure)}</p>{reason}{"" if place is None else place_line(place)}'
        f"{fact_list(facts) if facts else ''}{notes}{_links(links)}{_details(answer) if answer.matches else ''}</div>"
    )


def _links(links: Links) -> str:
    written = []
    if links.among:
        written.append(f'<a href="?{html.escape(links.among)}" data-turn>Back to all photos</a>')
    if links.inspect:
        written.append(f'<a href="inspect?photo={links.inspect}" target="_blank">Inspect this photo</a>')
    own = (links.address or "").startswith("answer=")
    kept = "<span>For an hour the address of this page opens this answer; nobody can guess it.</span>" if own else ""
    return f'<p class="links">{"".join(written)}{kept}</p>' if written else ""


def summary_card(
    answered: int,
    refused: Sequence[tuple[str, str]],
    located: int,
    timings: Mapping[str, float],
    unasked: int = 0,
    address: str | None = None,
) -> str:
    """What came of several photos.

    Args:
        refused: (photo, sentence) of each that could not be read.
        unasked: photos that were not asked because the visitor stopped.
        address: as for `verdict_card`.
    """
    title = f"{formatting.count(answered, 'photo')} answered" + (f", {located} located" if answered else "")
    lines = "".join(f"<li><b>{html.escape(name)}</b> {html.escape(text)}</li>" for name, text in refused)
    kind = "error" if refused and not answered else "quiet"
    heading = f"<p>{formatting.count(len(refused), 'photo')} could not be read:</p>"
    bad = f'{heading}<ul class="notes">{lines}</ul>' if refused else ""
    left = f"<p>Stopped: {formatting.count(unasked, 'photo was', 'photos were')} not asked.</p>" if unasked else ""
    opens = "<p>A row of the table opens the answer of its photo.</p>" if answered else ""
    return (
        f'<div class="card {kind}" role="status"{_names(address)}><h3>{title}</h3>{left}{opens}{bad}'
        f"{stages_line(timings)}</div>"
    )


def stages_line(timings: Mapping[str, float]) -> str:
    """How long each stage took."""
    parts = "".join(f"<span>{html.escape(name)} <b>{took}</b></span>" for name, took in formatting.stages(timings))
    return f'<p class="stages">{parts}</p>' if parts else ""


PROMISE = "Drop in a drone photo, see where it was taken."


def header(status: str, kind: str = "waiting", promise: str = PROMISE, region: str = "") -> str:
    """The page's top: name, promise, and what answers here.

    Args:
        kind: waiting, ready or error.
        region: what ground can be found here.
    """
    ground = f'<p class="region">{html.escape(region)}</p>' if region else ""
    return (
        f'<header class="top">{LOGO}<div class="name"><h1>Drone-photo locator</h1>'
        f"<p>{html.escape(promise)}</p>{ground}</div>"
        f'<p class="engine {kind}"><i></i>{html.escape(status)}</p></header>'
    )
