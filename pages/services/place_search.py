"""Places by name, asked of a geocoder that whoever runs the server has chosen; without one, nothing is ever asked."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from pages.errors import BadQuestion, PagesError

MOST_PLACES = 5
MOST_BYTES = 1_000_000
PATIENCE_S = 6.0
LONGEST = 200


class NoGeocoder(PagesError):
    """The geocoder's address is none, or it does not answer."""


@dataclass(frozen=True)
class Place:
    """A place by the name that the geocoder gives it."""

    name: str
    lon: float
    lat: float


class PlaceSearch:
    """Asks one geocoder.

    Args:
        template: its address with `{q}` where the question goes; it answers in JSON as Nominatim does, or in GeoJSON as
            Photon does.

    Raises:
        NoGeocoder: the template is no http(s) address with `{q}`.
    """

    def __init__(self, template: str) -> None:
        parts = urlsplit(template)
        if parts.scheme not in ("http", "https") or not parts.hostname or "{q}" not in template:
            raise NoGeocoder("MEAN_GEOCODER has to be an http(s) address with {q} where the question goes.")
        self._template = template
        self.host = parts.hostname

    def find(self, text: str) -> list[Place]:
        """The first places of that name.

        Raises:
            BadQuestion: nothing was asked, or nothing is there.
            NoGeocoder: it does not answer.
        """
        asked = " ".join(text.split())[:LONGEST]
        if not asked:
            raise BadQuestion("Write the name of a place or an address.")
        request = urllib.request.Request(
            self._template.replace("{q}", quote(asked)), headers={"User-Agent": "drone-photo-locator"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                found = json.loads(answer.read(MOST_BYTES))
        except (OSError, ValueError, urllib.error.HTTPError) as error:
            raise NoGeocoder(f"{self.host} does not answer now. Give longitude and latitude instead.") from error
        places = places_of(found)
        if not places:
            raise BadQuestion(f"{self.host} knows no place of that name.")
        return places[:MOST_PLACES]


def places_of(found: Any) -> list[Place]:
    """The places in a geocoder's answer, which may be anything; those that make no sense are left out."""
    listed = found.get("features", []) if isinstance(found, dict) else found
    places = []
    for each in listed if isinstance(listed, list) else []:
        try:
            places.append(_place(each))
        except (KeyError, TypeError, ValueError, IndexError):
            continue
    return [place for place in places if abs(place.lon) <= 180 and abs(place.lat) <= 90]


def _place(each: Any) -> Place:
    if "geometry" in each:
        lon, lat = each["geometry"]["coordinates"][:2]
        told = each.get("properties", {})
        parts = [told.get(key) for key in ("name", "street", "city", "state", "country")]
        name = told.get("display_name") or ", ".join(str(part) for part in dict.fromkeys(parts) if part)
        return Place(str(name)[:LONGEST], float(lon), float(lat))
    return Place(str(each["display_name"])[:LONGEST], float(each["lon"]), float(each["lat"]))
