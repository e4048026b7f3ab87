"""A gallery of tiles with positions: build, store, search, judge. Knows no network; takes an embedder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gallery.areas import Near
    from gallery.build.options import BuildOptions
    from gallery.build.pipeline import build_gallery
    from gallery.build.plan import plan_gallery
    from gallery.build.remove import remove_tiles
    from gallery.errors import GalleryError
    from gallery.search.answer import Answer
    from gallery.search.localizer import Localizer
    from gallery.search.options import SearchOptions
    from gallery.store.gallery import Gallery
    from gallery.tiles import Match, Tile

__all__ = [
    "Answer",
    "BuildOptions",
    "Gallery",
    "GalleryError",
    "Localizer",
    "Match",
    "Near",
    "SearchOptions",
    "Tile",
    "build_gallery",
    "plan_gallery",
    "remove_tiles",
]

_HOMES = {
    "Answer": "search.answer",
    "BuildOptions": "build.options",
    "Gallery": "store.gallery",
    "GalleryError": "errors",
    "Localizer": "search.localizer",
    "Match": "tiles",
    "Near": "areas",
    "SearchOptions": "search.options",
    "Tile": "tiles",
    "build_gallery": "build.pipeline",
    "plan_gallery": "build.plan",
    "remove_tiles": "build.remove",
}


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for, so that `--help` and the page start quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
