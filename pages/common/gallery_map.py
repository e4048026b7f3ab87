"""The map of a gallery: every footprint, drawn on canvas by static/gallery_map.js."""

import numpy as np
import shapely
from branca.element import MacroElement
from folium.template import Template

from gallery import Gallery
from gallery.store.health import coverage, footprints
from pages.common import maps

MOST_FOOTPRINTS = 100_000
"""Most footprints that are drawn: of a gallery with more tiles there is only the outline of its area."""


class GalleryTiles(MacroElement):
    """The tiles of a gallery, each a quadrilateral; a click tells the page the number of a tile, from 1."""

    _template = Template("""{% macro script(this, kwargs) %}
      galleryMap({{ this._parent.get_name() }}, {{ this.tiles|tojson }}, {{ this.box|tojson }}, {{ this.over|tojson }});
    {% endmacro %}""")

    def __init__(self, corners: np.ndarray, box: maps.Box, over: bool) -> None:
        """Args: corners: (N, 4, 2) lon, lat in degrees. box: what is shown first. over: whether imagery lies below."""
        super().__init__()
        self._name = "GalleryTiles"
        west, south, east, north = box
        self.tiles = maps.packed_corners(corners)
        self.box = [[south, west], [north, east]]
        self.over = over


def gallery_map(gallery: Gallery, ground: maps.GroundImage | None) -> str:
    """The HTML page of a gallery's map. Args: ground: its imagery, under the footprints."""
    plan = maps.OfflineMap("Map of the gallery")
    plan.add_script("footprints.js")
    plan.add_script("gallery_map.js")
    backdrop = maps.Backdrop(ground)
    maps.lay_under(plan, backdrop)
    shapes = footprints(gallery)
    if len(shapes) > MOST_FOOTPRINTS:
        maps.draw_outline(plan, maps.Outline(coverage(gallery), "The gallery's area"))
        shapes = shapes[:0]
    box = shapely.total_bounds(footprints(gallery)) if len(gallery) else backdrop.box
    west, south, east, north = (float(edge) for edge in box)
    plan.add_child(GalleryTiles(corners_of(shapes), (west, south, east, north), ground is not None))
    return plan.get_root().render()


def corners_of(shapes: np.ndarray) -> np.ndarray:
    """(N, 4, 2) lon, lat of the corners of N footprints; of those that are no quadrilaterals, of their boxes."""
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    corners = np.stack([west, south, east, south, east, north, west, north], axis=1).reshape(-1, 4, 2)
    four = (shapely.get_num_coordinates(shapes) == 5) & (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    corners[four] = shapely.get_coordinates(shapes[four]).reshape(-1, 5, 2)[:, :4]
    return corners
