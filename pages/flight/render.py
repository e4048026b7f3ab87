"""The pieces of HTML that show a track: its card, the player of its photos, the chart; every text is escaped here."""

import html

import numpy as np

from gallery.tiles import Tile
from gallery.track.track import Fix, Sighting, State, Track
from pages.common import cards, charts, formatting
from pages.services.flight import FlightView

_NAMES: dict[State, str] = {"found": "Found", "bridged": "Bridged", "lost": "Lost"}
_MEANINGS: dict[State, str] = {
    "found": "The photo's own match fits the track.",
    "bridged": "Its own match does not fit; the photos around it tell.",
    "lost": "Neither the photo nor those around it tell where this was.",
}
_SIGNS = {"way": "track", "bridge": "bridged", "said": "place by the photo's EXIF", "away": "lost"}


def card(shown: FlightView) -> str:
    """What came of a flight, in figures and notes."""
    track = shown.track
    known = len(track.fixes) - track.count("lost")
    facts = [(_NAMES[state], str(track.count(state)), _MEANINGS[state]) for state in _NAMES]
    errors_m = [fix.error_m for fix in track.fixes if fix.error_m is not None]
    if errors_m:
        hint = "From where the photos' EXIF puts them, which may be wrong."
        facts.append(("Median from EXIF", formatting.metres(float(np.median(errors_m))), hint))
        facts.append(("95 % within", formatting.metres(float(np.percentile(errors_m, 95))), hint))
    facts.append(("Took", formatting.duration(shown.seconds), ""))
    notes = [f"<b>{html.escape(problem.photo)}</b> {html.escape(problem.error)}" for problem in track.problems]
    notes += [html.escape(note) for note in track.notes]
    if shown.unasked:
        notes.insert(0, f"Stopped: {formatting.count(shown.unasked, 'photo')} more would have been asked.")
    lines = "".join(f"<li>{note}</li>" for note in notes)
    title = f"{known} of {formatting.count(len(track.fixes), 'photo')} on the track"
    return (
        f'<div class="card {"located" if known else "unsure"}" role="status"><h3>{title}</h3>'
        f'{cards.fact_list(facts)}<ul class="notes">{lines}</ul></div>'
    )


def legend(track: Track) -> str:
    """What the signs on a flight's map mean; only those that are there."""
    there = {
        "way": track.count("found") > 0,
        "bridge": track.count("bridged") > 0,
        "said": any(fix.sighting.stated is not None for fix in track.fixes),
        "away": track.count("lost") > 0,
    }
    signs = "".join(f'<span class="{sign}">{text}</span>' for sign, text in _SIGNS.items() if there[sign])
    return f'<p class="legend">{signs}</p>'


def player(shown: FlightView) -> str:
    """The photos one by one, each beside its tile; static/flight.js plays them."""
    shots = "".join(
        _shot(number, fix, *pictures)
        for number, (fix, pictures) in enumerate(zip(shown.track.fixes, shown.pictures, strict=True), start=1)
    )
    count = len(shown.track.fixes)
    return (
        f'<div class="player">{shots}<div class="controls">'
        '<button type="button" class="play" aria-pressed="false">▶ Play</button>'
        f'<input type="range" min="1" max="{count}" value="1" step="1" aria-label="Photo of the flight">'
        f"<output>1 / {count}</output></div></div>"
    )


def _shot(number: int, fix: Fix, photo: str, tile: str | None) -> str:
    facts = [formatting.duration(fix.time_s) if fix.time_s else "0 s"]
    if fix.position is not None:
        facts.append(formatting.coordinates(fix.position.lon, fix.position.lat))
        facts.append(f"within {formatting.metres(fix.position.radius_m)}")
    if fix.error_m is not None:
        facts.append(f"{formatting.metres(fix.error_m)} from its EXIF place")
    best = '<div class="none"></div><small>no tile</small>'
    if tile is not None and fix.sighting.tile is not None:
        best = f'<img src="{tile}" alt="Its tile"><small>{_tile_text(fix.sighting, fix.sighting.tile)}</small>'
    return (
        f'<figure class="shot {fix.state}" data-number="{number}"{"" if number == 1 else " hidden"}>'
        f'<div><img src="{photo}" alt="The photo"><small>{html.escape(fix.photo)}</small></div><div>{best}</div>'
        f'<figcaption><span class="badge">{_NAMES[fix.state]}</span>{html.escape(" · ".join(facts))}</figcaption>'
        "</figure>"
    )


def _tile_text(sighting: Sighting, tile: Tile) -> str:
    """What a photo's tile is."""
    if sighting.best is None:
        return f"Tile at the place that the ground told: {html.escape(tile.id)}"
    return f"Best tile by itself: {html.escape(tile.id)} · {formatting.similarity(sighting.best.score)}"


def chart(track: Track) -> str:
    """The error over time, or the radius where no photo states its place."""
    stated = any(fix.error_m is not None for fix in track.fixes)
    numbered = [_moment(number, fix, stated) for number, fix in enumerate(track.fixes, start=1)]
    moments = [
        moment
        for moment, fix in zip(numbered, track.fixes, strict=True)
        if fix.state == "lost" or moment.value is not None
    ]
    what = "Metres from where the photos' EXIF puts them" if stated else "Radius in metres"
    drawn = charts.timeline(moments, [("metres", "one"), ("lost", "wrong")], what)
    return f'<figure>{drawn}<figcaption class="told">{what}; hollow where bridged.</figcaption></figure>'


def _moment(number: int, fix: Fix, stated: bool) -> charts.Moment:
    radius_m = None if fix.position is None else fix.position.radius_m
    value = fix.error_m if stated else radius_m
    tooltip = f"{fix.photo}: {fix.state}" + ("" if value is None else f", {formatting.metres(value)}")
    return charts.Moment(number, fix.time_s, value, tooltip, fix.state == "found")
