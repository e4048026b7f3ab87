"""The picture of a plan: where the tiles of a build will lie, over the imagery."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from gallery.build.candidates import Source
from gallery.build.raster_source import RasterSource
from gallery.errors import SourceError
from gallery.figures.embeddings import BLUE, GREEN, GREY, panels_of, titled
from gallery.imagery.mosaic import look_at
from gallery.imagery.raster_cache import open_raster

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THUMBNAIL_PX = 1200


def draw(
    footprints: Sequence[Polygon], outlines: Sequence[BaseGeometry], sources: Sequence[Source], title: str
) -> "Figure":
    """Tiles over small pictures of the rasters, as far as those can be had without reading all of a large one.

    Args:
        footprints: of the tiles, WGS84 degrees.
        outlines: of the sources.
        sources: whose rasters are shown.
    """
    from matplotlib.collections import PolyCollection

    west, south, east, north = shapely.total_bounds([*outlines, *footprints]).tolist()
    stretch = 1 / max(math.cos(math.radians((south + north) / 2)), 0.01)
    height_in = min(max(6.0 * (north - south) * stretch / max(east - west, 1e-9), 2.5), 10.0)
    figure, (axis,) = panels_of(1, 6.5, height_in + 0.8)
    for source in sources:
        _draw_raster(axis, source)
    for outline in outlines:
        for part in getattr(outline, "geoms", [outline]):
            axis.plot(*part.exterior.xy, color=GREEN, linewidth=1.2)
    corners = [np.asarray(footprint.exterior.coords)[:, :2] for footprint in footprints]
    axis.add_collection(PolyCollection(corners, facecolors="none", edgecolors=BLUE, linewidths=0.4, alpha=0.7))
    axis.set_xlim(west, east)
    axis.set_ylim(south, north)
    axis.set_aspect(stretch)
    axis.set_xlabel("longitude, degrees", fontsize=8)
    axis.set_ylabel("latitude, degrees", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.ticklabel_format(useOffset=False)
    axis.grid(color=GREY, alpha=0.2, linewidth=0.4)
    titled(axis, title)
    return figure


def _draw_raster(axis: "Axes", source: Source) -> None:
    """A small picture of a raster where it lies."""
    from matplotlib.transforms import Affine2D

    if not isinstance(source, RasterSource):
        return
    raster = open_raster(source.path, source.crs)
    try:
        picture = raster.overview(THUMBNAIL_PX)
    except SourceError:  # the build will name it
        return
    if picture is None:
        return
    outline = look_at(source.path, source.crs).outline
    west = outline.bounds[0]
    corners = [raster.lonlat(*corner) for corner in ((0, 0), (raster.width_px, 0), (0, raster.height_px))]
    lons = [corner.lon + 360 * (corner.lon < west - 1e-6) for corner in corners]
    lats = [corner.lat for corner in corners]
    width, height = picture.size
    place = Affine2D.from_values(
        (lons[1] - lons[0]) / width,
        (lats[1] - lats[0]) / width,
        (lons[2] - lons[0]) / height,
        (lats[2] - lats[0]) / height,
        lons[0],
        lats[0],
    )
    axis.imshow(
        np.asarray(picture), extent=(0, width, height, 0), transform=place + axis.transData, interpolation="bilinear"
    )
