"""Fields of the camera's pose: filled from the photo's file, and corrected by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gradio as gr

from gallery.photo.belief import Belief
from gallery.photo.correction import QUANTITIES, PoseCorrection
from pages.common.widgets import Values

LABELS = {
    "heading": "Heading, degrees",
    "pitch": "Pitch, degrees",
    "height": "Height, m",
    "lens": "Lens, mm",
}
NOT_STATED = "not stated"
SET_BY_YOU = "set by you"
EACH_ITS_OWN = "Of several photos each one's own heading, pitch, height and lens are used, as its file states them."
DECIMALS = 1

Shown = Mapping[str, float | None]
"""Values of the fields by quantity; None where a field is empty."""


@dataclass(frozen=True)
class PoseFields:
    """The fields, the button that searches with them, and what the file of the photo at hand states."""

    numbers: dict[str, gr.Number]  # by quantity
    again: gr.Button
    stated: gr.State  # Belief by quantity; kept on the server

    @property
    def all(self) -> list[gr.blocks.Block]:
        """What an answer may change."""
        return [*self.numbers.values(), self.stated]

    def filled(self, stated: Sequence[Belief]) -> Values:
        """The fields as a file states them."""
        return {**self._shown(stated, {}), self.stated: {each.quantity: each for each in stated}}

    def corrected(self, stated: Sequence[Belief], correction: PoseCorrection) -> Values:
        """The fields as a file states them, except what was set by hand."""
        left = {each.quantity: value_of(each) for each in stated}
        for name, attribute in QUANTITIES.items():
            value = getattr(correction, attribute)
            if value is not None or name in correction.left_out:
                left[name] = value
        return {**self._shown(stated, left), self.stated: {each.quantity: each for each in stated}}

    def kept(self, given: Values) -> Values:
        """The fields as they were left, each with who says so."""
        stated = given[self.stated] or {}
        return self._shown(list(stated.values()), {name: given[field] for name, field in self.numbers.items()})

    def correction(self, given: Values) -> PoseCorrection:
        """What of the fields is not as the file states it.

        Raises:
            GalleryError: a value that no drone photo has.
        """
        return correction_of({name: given[field] for name, field in self.numbers.items()}, given[self.stated] or {})

    def _shown(self, stated: Sequence[Belief], left: Shown) -> Values:
        by_file = {each.quantity: each for each in stated}
        shown: Values = {}
        for name, field in self.numbers.items():
            own = value_of(by_file.get(name))
            value = left.get(name, own)
            info = SET_BY_YOU if value != own else f"from {by_file[name].source}" if name in by_file else NOT_STATED
            shown[field] = gr.Number(value=value, info=info)
        return shown


def value_of(belief: Belief | None) -> float | None:
    """A value as its field shows it."""
    return None if belief is None else round(belief.value, DECIMALS)


def correction_of(shown: Shown, stated: Mapping[str, Belief]) -> PoseCorrection:
    """What somebody changed of the values of a file; an emptied field leaves out what the file states.

    Raises:
        GalleryError: a value that no drone photo has.
    """
    own = {name: value_of(stated.get(name)) for name in QUANTITIES}
    changed = {name: value for name, value in shown.items() if value != own[name]}
    left_out = frozenset(name for name, value in changed.items() if value is None)
    return PoseCorrection(**{QUANTITIES[name]: value for name, value in changed.items()}, left_out=left_out)


def make_pose_fields() -> PoseFields:
    """Put the fields into the Blocks at hand."""
    with gr.Accordion("Camera (lens as for 35 mm film)", open=True, elem_id="pose"):
        with gr.Row():
            numbers = {
                name: gr.Number(None, label=label, info=NOT_STATED, min_width=120, elem_id=f"pose-{name}")
                for name, label in LABELS.items()
            }
        again = gr.Button("Search with these", size="sm", elem_id="pose-again")
    return PoseFields(numbers, again, gr.State({}))
