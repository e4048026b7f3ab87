"""The map of a flight: its track, the places that its photos state, and a marker that goes along."""

from branca.element import MacroElement
from folium.template import Template

from gallery.track.track import Track
from pages.common import maps


class FlightTrack(MacroElement):
    """The track, drawn by static/flight_map.js; a photo's number moves the marker, a click tells the page a number."""

    _template = Template("""{% macro script(this, kwargs) %}
      flightTrack({{ this._parent.get_name() }}, {{ this.fixes|tojson }}, {{ this.box|tojson }});
    {% endmacro %}""")

    def __init__(self, fixes: list[dict[str, object]], box: maps.Box) -> None:
        """Args: fixes: state, place and radius in metres where they are known, and the stated place, of each photo."""
        super().__init__()
        self._name = "FlightTrack"
        self.fixes = fixes
        west, south, east, north = box
        self.box = [[south, west], [north, east]]


def flight_map(track: Track, backdrop: maps.Backdrop) -> str:
    """The HTML page of a flight's map."""
    plan = maps.OfflineMap()
    plan.add_script("flight_map.js")
    maps.lay_under(plan, backdrop)
    fixes: list[dict[str, object]] = []
    known: list[tuple[float, float]] = []
    for fix in track.fixes:
        at, stated = fix.position, fix.sighting.stated
        found = None if at is None else _beside(known, at.lon, at.lat)
        said_at = None if stated is None else _beside(known, stated.lon, stated.lat)
        fixes.append({"state": fix.state, "at": found, "radius": at and round(at.radius_m, 1), "stated": said_at})
    plan.add_child(FlightTrack(fixes, _box(known) or backdrop.box))
    return plan.get_root().render()


def _beside(known: list[tuple[float, float]], lon: float, lat: float) -> list[float]:
    """A place as Leaflet wants it, latitude first, noted as known; longitudes go on past 180 rather than jump."""
    if known:
        lon += 360 * round((known[0][0] - lon) / 360)
    known.append((lon, lat))
    return [round(lat, 7), round(lon, 7)]


def _box(known: list[tuple[float, float]]) -> maps.Box | None:
    if not known:
        return None
    lons, lats = zip(*known, strict=True)
    return min(lons), min(lats), max(lons), max(lats)
