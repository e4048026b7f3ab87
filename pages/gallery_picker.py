"""The menu of galleries on a page, and what the browser remembers of the choice from page to page."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pages.services.catalog import CatalogEntry, GalleryCatalog

STORAGE_KEY = "mean-gallery"


@dataclass(frozen=True)
class Remembered:
    """What a browser keeps: the chosen gallery, and the keys of the visitor's own."""

    chosen: str = ""
    own: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: Any) -> "Remembered":
        """From a browser's storage, which may hold anything."""
        if not isinstance(value, dict):
            return cls()
        chosen, own = value.get("chosen"), value.get("own")
        keys = own if isinstance(own, list) else []
        return cls(chosen if isinstance(chosen, str) else "", tuple(key for key in keys if isinstance(key, str)))

    def to_dict(self) -> dict[str, Any]:
        """For a browser's storage."""
        return {"chosen": self.chosen, "own": list(self.own)}


@dataclass(frozen=True)
class Choice:
    """The components of a page's choice; `menu` carries the key of the chosen gallery."""

    shelf: GalleryCatalog
    menu: gr.Dropdown
    browser: gr.BrowserState

    def opened(self, value: Any) -> tuple[CatalogEntry, dict[Any, Any]]:
        """What a visitor chose before, and the menu that says so. Args: value: of `browser`."""
        remembered = Remembered.read(value)
        stand = self.shelf.get(remembered.chosen)
        return stand, {self.menu: self.shown(remembered, stand)}

    def shown(self, remembered: Remembered, chosen: CatalogEntry) -> gr.Dropdown:
        """The menu with all that a visitor may choose; hidden where that is one gallery."""
        choices = [(_title(stand), stand.key) for stand in self.shelf.seen_by(remembered.own)]
        return gr.Dropdown(choices, value=chosen.key, visible=len(choices) > 1)

    def chosen(self, value: Any, key: Any) -> tuple[CatalogEntry, dict[Any, Any]]:
        """A visitor's new choice, and the storage that remembers it. Args: value: of `browser`. key: of `menu`."""
        stand = self.shelf.get(key)
        return stand, {self.browser: Remembered(stand.key, Remembered.read(value).own).to_dict()}


def choice_of(shelf: GalleryCatalog) -> Choice:
    """Put the menu where the page stands."""
    menu = gr.Dropdown(
        [(_title(stand), stand.key) for stand in shelf.public],
        value=shelf.first.key,
        label="Gallery",
        visible=len(shelf.public) > 1,
        elem_id="gallery",
    )
    return Choice(shelf, menu, gr.BrowserState(None, storage_key=STORAGE_KEY, secret=shelf.secret))


def _title(stand: CatalogEntry) -> str:
    return f"{stand.title} (yours)" if stand.own else stand.title
