"""The menu of galleries on a page, and what the browser remembers of the choice from page to page."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pages.common.widgets import Values
from pages.services.catalog import CatalogEntry, GalleryCatalog

STORAGE_KEY = "mean-gallery"


@dataclass(frozen=True)
class Remembered:
    """What a browser keeps: the chosen gallery, and the keys of the visitor's own."""

    chosen: str = ""
    own: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: Any) -> "Remembered":
        """Read a browser's storage, which may hold anything."""
        if not isinstance(value, dict):
            return cls()
        chosen, own = value.get("chosen"), value.get("own")
        keys = own if isinstance(own, list) else []
        return cls(chosen if isinstance(chosen, str) else "", tuple(key for key in keys if isinstance(key, str)))

    def to_dict(self) -> dict[str, Any]:
        """The same for a browser's storage."""
        return {"chosen": self.chosen, "own": list(self.own)}


@dataclass(frozen=True)
class GalleryPicker:
    """The components with which a page's gallery is chosen; `menu` carries the key of the chosen one."""

    catalog: GalleryCatalog
    menu: gr.Dropdown
    browser: gr.BrowserState

    def restore(self, value: Any) -> tuple[CatalogEntry, Values]:
        """What a visitor chose before, and the menu that says so. Args: value: of `browser`."""
        remembered = Remembered.read(value)
        entry = self.catalog.get(remembered.chosen)
        return entry, {self.menu: self.menu_of(remembered, entry)}

    def choose(self, value: Any, key: Any) -> tuple[CatalogEntry, Values]:
        """A visitor's new choice, and the storage that remembers it. Args: value: of `browser`. key: of `menu`."""
        entry = self.catalog.get(key)
        return entry, {self.browser: Remembered(entry.key, Remembered.read(value).own).to_dict()}

    def remember(self, remembered: Remembered, chosen: CatalogEntry) -> Values:
        """Storage and menu after a visitor's own galleries have changed."""
        return {self.browser: remembered.to_dict(), self.menu: self.menu_of(remembered, chosen)}

    def menu_of(self, remembered: Remembered, chosen: CatalogEntry) -> gr.Dropdown:
        """The menu with all that a visitor may choose; hidden where that is one gallery."""
        choices = [(_title(entry), entry.key) for entry in self.catalog.choices_for(remembered.own)]
        return gr.Dropdown(choices, value=chosen.key, visible=len(choices) > 1)


def make_picker(catalog: GalleryCatalog) -> GalleryPicker:
    """Put the menu into the Blocks at hand."""
    menu = gr.Dropdown(
        [(_title(entry), entry.key) for entry in catalog.public],
        value=catalog.first.key,
        label="Gallery",
        visible=len(catalog.public) > 1,
        elem_id="gallery",
    )
    return GalleryPicker(catalog, menu, gr.BrowserState(None, storage_key=STORAGE_KEY, secret=catalog.secret))


def _title(entry: CatalogEntry) -> str:
    return f"{entry.title} (yours)" if entry.own else entry.title
