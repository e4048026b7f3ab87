"""What can go wrong on a page, and how the errors of the other packages become one sentence for the visitor."""

from gallery.errors import GalleryError
from mean_model.errors import MeanModelError


class PagesError(Exception):
    """Base of every error that this package raises on purpose; the message says what to do."""


class NotReady(PagesError):
    """The model and the gallery cannot answer, now or at all."""


class BadQuestion(PagesError):
    """A question that cannot be asked: no photo, or coordinates that do not exist."""


SPOKEN = (PagesError, GalleryError, MeanModelError)
"""The errors whose message is written for the visitor; any other one is a bug and keeps its traceback."""


def sentence(error: BaseException) -> str:
    """The error's message as one line that ends with a full stop."""
    text = " ".join(str(error).split()) or "This did not work, and no reason was given."
    return text if text.endswith((".", "!", "?")) else f"{text}."
