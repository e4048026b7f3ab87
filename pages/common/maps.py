"""Maps of answers: folium pages that draw themselves with every outside host refused.

Leaflet comes from the XStatic-Leaflet wheel and stands inside the page; tile pictures are data URIs; text that comes
from files (tile names, photo names) reaches the page as JSON and is written by `textContent`, because folium's own
popups and tooltips run what such a text contains.
"""

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import folium
import numpy as np
import xstatic.pkg.leaflet
from branca.element import Element, Figure, MacroElement
from folium.template import Template
from PIL import Image
from shapely.geometry.base import BaseGeometry

from pages.common import static

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; east may go on past 180 so that the box stays whole."""

RANK_COLOURS = ("#ffb703", "#ffffff")  # the best match, the others: both stand out from fields, roofs and sea
PHOTO_COLOUR = "#22d3ee"  # where the photo itself says that it was taken
AREA_COLOUR = "#a78bfa"  # the area that the search was limited to
SHOWN_COLOUR = "#4ade80"  # the ground that the photo shows, as geometry lays it
BASEMAP_URL = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
MAX_ZOOM = 21


@dataclass(frozen=True)
class GroundImage:
    """An image that lies on the ground."""

    uri: str  # data URI
    box: Box


@dataclass(frozen=True)
class Backdrop:
    """What lies under everything else on a map."""

    ground: GroundImage | None = None  # the gallery's imagery in one picture
    footprints: np.ndarray | None = None  # (N, 4) boxes of the gallery's tiles, drawn as a thin net
    basemap: bool = False  # streets from openstreetmap.org: the only way that a map speaks to another host

    @property
    def box(self) -> Box:
        """What a map shows when there is nothing else to frame."""
        return self.ground.box if self.ground else (-180.0, -60.0, 180.0, 70.0)


@dataclass(frozen=True)
class Spot:
    """One numbered place on a map: a matched tile."""

    number: int  # what the marker shows, and what the page calls it
    lon: float
    lat: float
    footprint: BaseGeometry  # WGS84 degrees
    rows: tuple[tuple[str, str], ...]  # (label, text) lines of its popup; the text may be hostile
    picture: str | None = None  # data URI, drawn over the footprint's box


@dataclass(frozen=True)
class Camera:
    """Where a camera was, and where it looked."""

    lon: float
    lat: float
    heading_deg: float | None = None  # clockwise from north


@dataclass(frozen=True)
class Pin:
    """The place that a photo's EXIF gives, with the line to the place that was found for it."""

    lon: float
    lat: float
    rows: tuple[tuple[str, str], ...]
    line_to: tuple[float, float] | None = None  # lon, lat
    line_text: str = ""
    text_stays: bool = True  # or it shows when the pointer is on the line
    camera: Camera | None = None


@dataclass(frozen=True)
class Ring:
    """A circle on the ground."""

    lon: float
    lat: float
    radius_m: float
    text: str
    found: bool = False  # a position with its radius; otherwise an area that was searched


@dataclass(frozen=True)
class Outline:
    """A shape on the ground."""

    shape: BaseGeometry  # WGS84 degrees
    text: str


@dataclass(frozen=True)
class Heat:
    """A picture of probabilities. Attributes: picture: a data URI. box: where it lies, degrees."""

    picture: str
    box: Box


def data_uri(data: bytes, kind: str) -> str:
    """The bytes as a `data:` address. `kind` is the part after `image/`."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def picture_uri(image: Image.Image, max_px: int = 256, quality: int = 78) -> str:
    """The image as a JPEG data URI whose longer side has at most max_px, without metadata."""
    small = image.convert("RGB")
    small.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    fresh = Image.new("RGB", small.size)
    fresh.paste(small)
    buffer = io.BytesIO()
    fresh.save(buffer, "JPEG", quality=quality)
    return data_uri(buffer.getvalue(), "jpeg")


class Raw(Element):
    """Text that goes into the page as it is: branca would read leaflet.js as a Jinja template."""

    _template = Template("{{ this.code }}")

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code


@lru_cache(maxsize=1)
def leaflet_head() -> str:
    """Leaflet's styles and script with every picture inside."""
    folder = Path(xstatic.pkg.leaflet.BASE_DIR)

    def picture(name: str) -> str:
        return data_uri((folder / "images" / name).read_bytes(), "png")

    styles = (folder / "leaflet.css").read_text(encoding="utf-8")
    styles = re.sub(r"url\(images/([\w.-]+)\)", lambda match: f"url({picture(match[1])})", styles)
    script = (folder / "leaflet.js").read_text(encoding="utf-8")
    script = re.sub(r"//# sourceMappingURL=.*", "", script)
    # Leaflet asks for the default marker before folium replaces it: without these lines that is a failed request.
    icons = {
        "iconUrl": picture("marker-icon.png"),
        "iconRetinaUrl": picture("marker-icon-2x.png"),
        "shadowUrl": picture("marker-shadow.png"),
    }
    fix = f"L.Icon.Default.imagePath='';L.Icon.Default.mergeOptions({json.dumps(icons)});"
    own_styles, bridge = static.text("map.css"), static.text("bridge.js")
    return f"<style>{styles}\n{own_styles}</style><script>{script}</script><script>{fix}\n{bridge}</script>"


class OfflineMap(folium.Map):
    """A folium map without a background whose page asks no host for anything."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012  # folium reads them from the class
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    def __init__(self, title: str = "Map of the answer") -> None:
        super().__init__(tiles=None, max_zoom=MAX_ZOOM, control_scale=True, zoom_control=True, prefer_canvas=False)
        self.options["zoomSnap"] = 0.25  # so that a small area fills its frame
        page = cast(Figure, self.get_root())
        page.title = title
        page.header.add_child(Raw(leaflet_head()), name="leaflet_inline")

    def add_script(self, name: str) -> None:
        """Put a script of static/ into the page."""
        script = Raw(f"<script>{static.text(name)}</script>")
        cast(Figure, self.get_root()).header.add_child(script, name=name)


class Text(MacroElement):
    """A popup or tooltip on its parent whose text is only ever text."""

    _template = Template("""{% macro script(this, kwargs) %}
      {{ this._parent.get_name() }}.bind{{ this.kind }}(function () {
        const box = document.createElement('div');
        for (const [label, text] of {{ this.rows|tojson }}) {
          const line = document.createElement('div');
          if (label) { const b = document.createElement('b'); b.textContent = label; line.append(b, ' '); }
          line.append(text); box.append(line);
        }
        return box;
      }, {{ this.options|tojson }});
    {% endmacro %}""")

    def __init__(self, rows: Iterable[tuple[str, str]], kind: str = "Popup", **options: object) -> None:
        super().__init__()
        self._name = "Text"
        self.rows = [(str(label), str(text)) for label, text in rows]
        self.kind = kind
        self.options = options


class Footprints(MacroElement):
    """Thousands of tiles as a net drawn on canvas by static/footprints.js."""

    _template = Template("""{% macro script(this, kwargs) %}
      footprints({{ this._parent.get_name() }}, {{ this.tiles|tojson }}, false);
    {% endmacro %}""")

    def __init__(self, boxes: np.ndarray) -> None:
        """Args: boxes: (N, 4) west, south, east, north in degrees."""
        super().__init__()
        self._name = "Footprints"
        west, south, east, north = np.asarray(boxes, float).T
        corners = np.stack([west, south, east, south, east, north, west, north], axis=1).reshape(-1, 4, 2)
        self.tiles = packed_corners(corners)


def packed_corners(corners: np.ndarray) -> dict[str, object]:
    """Corners as static/footprints.js takes them. Args: corners: (N, 4, 2) lon, lat in degrees."""
    origin = corners.reshape(-1, 2).min(axis=0) if len(corners) else np.zeros(2)
    packed = (corners - origin).astype("<f4").tobytes()
    return {"origin": origin.tolist(), "corners": base64.b64encode(packed).decode("ascii")}


class DrawArea(MacroElement):
    """The button with which the area to search is drawn (static/draw_area.js)."""

    _template = Template("{% macro script(this, kwargs) %} drawArea({{ this._parent.get_name() }}); {% endmacro %}")

    def __init__(self) -> None:
        super().__init__()
        self._name = "DrawArea"


class Bridge(MacroElement):
    """Joins map and page by messages (static/bridge.js) and adds the button "show everything"."""

    _template = Template("""{% macro script(this, kwargs) %}
      bridge({{ this._parent.get_name() }}, {{ this.box|tojson }}, {
        {% for number, marker, shape in this.spots %}{{ number }}: [{{ marker }}, {{ shape }}],{% endfor %}
      }, {{ this.first|tojson }});
    {% endmacro %}""")

    def __init__(self, spots: Sequence[tuple[int, str, str]], box: Box, first: Box | None = None) -> None:
        """Draw the joints.

        Args:
            spots: (number, marker's and footprint's JavaScript names).
            box: what "show everything" shows.
            first: what is shown before; None: everything.
        """
        super().__init__()
        self._name = "Bridge"
        self.spots = spots
        self.box, self.first = ([[south, west], [north, east]] for west, south, east, north in (box, first or box))


def _union(boxes: Iterable[Box]) -> Box:
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def _around(lon: float, lat: float, radius_m: float = 60.0) -> Box:
    """A box around a point that is good enough to frame it."""
    half_lat = radius_m / 111_000
    half_lon = half_lat / max(0.05, float(np.cos(np.radians(lat))))
    return lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat


def _overlay(picture: str, box: Box, opacity: float) -> folium.raster_layers.ImageOverlay:
    west, south, east, north = box
    return folium.raster_layers.ImageOverlay(
        picture, [[south, west], [north, east]], opacity=opacity, pixelated=False, control=False
    )


def lay_under(plan: OfflineMap, backdrop: Backdrop) -> None:
    """Put streets, if they are wanted, the gallery's imagery and its tiles under everything else."""
    if backdrop.basemap:
        folium.TileLayer(
            BASEMAP_URL, attr="© OpenStreetMap contributors", max_zoom=MAX_ZOOM, max_native_zoom=19, control=False
        ).add_to(plan)
    if backdrop.ground is not None:
        _overlay(backdrop.ground.uri, backdrop.ground.box, 0.6 if backdrop.basemap else 1.0).add_to(plan)
    if backdrop.footprints is not None and len(backdrop.footprints):
        plan.add_script("footprints.js")
        plan.add_child(Footprints(backdrop.footprints))


def _outline(shape: BaseGeometry) -> list[list[tuple[float, float]]]:
    """The rings of a footprint as Leaflet wants them: latitude first, one list for each part."""
    parts = getattr(shape, "geoms", [shape])
    return [[(lat, lon) for lon, lat, *_ in part.exterior.coords] for part in parts]


def _draw_spot(plan: OfflineMap, spot: Spot, best: bool) -> tuple[int, str, str]:
    """Draw a tile's picture, outline and marker; return what the bridge calls them."""
    if spot.picture:
        _overlay(spot.picture, spot.footprint.bounds, 1.0).add_to(plan)
    colour = RANK_COLOURS[0] if best else RANK_COLOURS[1]
    shape = folium.Polygon(
        _outline(spot.footprint), color=colour, weight=2.5, fill=True, fill_color=colour, fill_opacity=0.04
    ).add_to(plan)
    icon = folium.DivIcon(
        html=f'<div class="rank{" best" if best else ""}">{int(spot.number)}</div>',
        icon_size=(28, 28),
        icon_anchor=(14, 14),
        popup_anchor=(0, -14),
    )
    title = f"Match {int(spot.number)}"
    under = -1000 * int(spot.number)  # where markers meet, the better one lies on top; hovering lifts the others
    where = (spot.lat, spot.lon)
    marker = folium.Marker(
        where, icon=icon, title=title, alt=title, rise_on_hover=True, rise_offset=1_000_000, z_index_offset=under
    )
    marker.add_child(Text(spot.rows, maxWidth=280))
    marker.add_to(plan)
    return int(spot.number), marker.get_name(), shape.get_name()


_PIN_SVG = (
    '<svg class="photo-pin" viewBox="0 0 44 44" aria-hidden="true">'
    '<circle cx="22" cy="22" r="17" fill="none" stroke="#0f172a" stroke-width="6"/>'
    f'<circle cx="22" cy="22" r="17" fill="none" stroke="{PHOTO_COLOUR}" stroke-width="3"/>'
    f'<circle cx="22" cy="22" r="4.5" fill="{PHOTO_COLOUR}" stroke="#0f172a" stroke-width="1.5"/></svg>'
)
_CAMERA_SVG = (
    '<svg class="photo-pin" viewBox="0 0 44 44" aria-hidden="true"><g transform="rotate({turn:.0f} 22 22)">'
    f'<path d="M22 4l15 34-15-7-15 7z" fill="#0f172a" stroke="{PHOTO_COLOUR}" stroke-width="3"/></g></svg>'
)
_CAMERA_DOT = '<svg class="photo-pin" viewBox="0 0 44 44" aria-hidden="true"><circle cx="22" cy="22" r="9"/></svg>'
APART_DEG = 5e-5  # about five metres: a camera closer to its ground point is not drawn beside it


def _draw_pin(plan: OfflineMap, pin: Pin) -> None:
    """Draw the place that the photo's EXIF gives, the line to what was found, and the camera that looked there."""
    if pin.line_to is not None:
        lon, lat = pin.line_to
        line = folium.PolyLine([(pin.lat, pin.lon), (lat, lon)], color=PHOTO_COLOUR, weight=3, dash_array="7 7")
        if pin.line_text:
            stays = {"permanent": True, "direction": "top", "offset": [0, -19]}
            follows = {"sticky": True, "direction": "top", "offset": [0, -10]}
            options = stays if pin.text_stays else follows
            line.add_child(Text([("", pin.line_text)], "Tooltip", className="metres", **options))
        line.add_to(plan)
    camera = pin.camera
    if camera is not None and max(abs(camera.lon - pin.lon), abs(camera.lat - pin.lat)) > APART_DEG:
        sight = [(camera.lat, camera.lon), (pin.lat, pin.lon)]
        folium.PolyLine(sight, color=PHOTO_COLOUR, weight=1.5, opacity=0.8).add_to(plan)
        drawing = _CAMERA_DOT if camera.heading_deg is None else _CAMERA_SVG.format(turn=float(camera.heading_deg))
        _sign(plan, (camera.lat, camera.lon), drawing, 26, "The camera", [("The camera, by the photo's EXIF", "")])
    _sign(plan, (pin.lat, pin.lon), _PIN_SVG, 44, "Place by the photo's EXIF", pin.rows)


def _sign(
    plan: OfflineMap,
    at: tuple[float, float],
    drawing: str,
    side_px: int,
    title: str,
    rows: Iterable[tuple[str, str]],
) -> None:
    """Put a drawing on the map. Args: at: latitude first, as Leaflet wants it. title: ours, never a file's."""
    half_px = side_px // 2
    icon = folium.DivIcon(
        html=drawing, icon_size=(side_px, side_px), icon_anchor=(half_px, half_px), popup_anchor=(0, -half_px)
    )
    marker = folium.Marker(at, icon=icon, title=title, alt=title, z_index_offset=500)
    marker.add_child(Text(rows, maxWidth=280))
    marker.add_to(plan)


def draw_outline(plan: OfflineMap, outline: Outline) -> None:
    """Draw a shape on the ground with its text."""
    shape = folium.Polygon(_outline(outline.shape), color=SHOWN_COLOUR, weight=3, fill=True, fill_opacity=0.08)
    shape.add_child(Text([("", outline.text)], "Tooltip", sticky=True))
    shape.add_to(plan)


def _draw_heat(plan: OfflineMap, heats: Sequence[Heat], shown: bool) -> None:
    """Draw the probability of the place as a layer that can be switched on and off."""
    layer = folium.FeatureGroup("Probability of the place", show=shown)
    for heat in heats:
        _overlay(heat.picture, heat.box, 0.75).add_to(layer)
    layer.add_to(plan)
    folium.LayerControl(collapsed=False).add_to(plan)


def heat_uri(probability: np.ndarray, most: float) -> str:
    """Probabilities as a picture from clear to red, its square root drawn: what is unlikely stays visible.

    Args: probability: (H, W). most: the largest of all pictures of one map.
    """
    share = np.sqrt(np.clip(probability / max(most, 1e-12), 0, 1))
    red, green, blue = 255 * np.ones_like(share), 220 * (1 - share), 60 * (1 - share)
    pixels = np.stack([red, green, blue, 255 * np.clip(share * 1.6, 0, 1)], axis=-1).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return data_uri(stream.getvalue(), "png")


def draw_map(
    *,
    spots: Sequence[Spot] = (),
    pins: Sequence[Pin] = (),
    rings: Sequence[Ring] = (),
    outlines: Sequence[Outline] = (),
    heats: Sequence[Heat] = (),
    heats_shown: bool = False,
    backdrop: Backdrop | None = None,
    frame: Box | None = None,
    focus: Box | None = None,
    every_spot_best: bool = False,
    drawable: bool = False,
) -> str:
    """The HTML page of a map.

    Args:
        spots: matched tiles, best first; the best one is drawn last, so that it lies on top.
        pins: what photos state of their places.
        rings: circles on the ground.
        outlines: shapes on the ground.
        heats: pictures of the place's probability; a layer that can be switched on and off.
        heats_shown: whether it is on at first.
        backdrop: what lies under everything; None: nothing.
        frame: what the map shows when there is nothing else to frame.
        focus: what it shows first; a button shows everything.
        every_spot_best: several photos, one spot each: no spot is better than another.
        drawable: whether the area to search can be drawn on it.
    """
    plan, backdrop = OfflineMap(), backdrop or Backdrop()
    lay_under(plan, backdrop)
    if heats:
        _draw_heat(plan, heats, heats_shown)
    for ring in rings:
        _draw_ring(plan, ring)
    for outline in outlines:
        draw_outline(plan, outline)
    best = spots[0].number if spots else None
    names = [_draw_spot(plan, spot, every_spot_best or spot.number == best) for spot in reversed(spots)]
    for pin in pins:
        _draw_pin(plan, pin)
    if drawable:
        plan.add_script("draw_area.js")
        plan.add_child(DrawArea())
    boxes: list[Box] = [spot.footprint.bounds for spot in spots]
    boxes += [_around(pin.lon, pin.lat) for pin in pins]
    boxes += [_around(pin.camera.lon, pin.camera.lat) for pin in pins if pin.camera]
    boxes += [outline.shape.bounds for outline in outlines]
    boxes += [_around(ring.lon, ring.lat, ring.radius_m) for ring in rings]
    plan.add_child(Bridge(names[::-1], _union(boxes or [frame or backdrop.box]), focus))
    return plan.get_root().render()


def _draw_ring(plan: OfflineMap, ring: Ring) -> None:
    style = {"color": RANK_COLOURS[0]} if ring.found else {"color": AREA_COLOUR, "dash_array": "2 8"}
    circle = folium.Circle((ring.lat, ring.lon), ring.radius_m, weight=3, fill=True, fill_opacity=0.06, **style)
    circle.add_child(Text([("", ring.text)], "Tooltip", sticky=True))
    circle.add_to(plan)


def iframe(page: str, *, title: str = "Map of the matched tiles", basemap: bool = False) -> str:
    """The page inside a frame that may run its own scripts and nothing else.

    With a street background the frame keeps its origin, because OpenStreetMap answers only requests with a referrer.
    The element around it is named by the page's content: Gradio would put another page into the same frame, and the
    browser's Back would then go through the maps, one by one, before it leaves the answer.
    """
    sandbox = "allow-scripts allow-same-origin" if basemap else "allow-scripts"
    name, inside = html.escape(title), html.escape(page)
    holder = f"map-{hashlib.sha256(page.encode()).hexdigest()[:12]}"
    frame = f'<iframe class="map-frame" title="{name}" sandbox="{sandbox}" srcdoc="{inside}"></iframe>'
    return f'<{holder} class="map-holder">{frame}</{holder}>'
