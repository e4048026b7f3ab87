"""What can go wrong on a page, and how the errors of the other packages become one sentence for the visitor."""

import re

from gallery.errors import GalleryError
from gallery.plain_text import in_short
from mean_model.errors import MeanModelError


class PagesError(Exception):
    """Base of every error that this package raises on purpose; the message says what to do."""


class NotReady(PagesError):
    """The model and the gallery cannot answer, now or at all."""


class BadQuestion(PagesError):
    """A question that cannot be asked: no photo, or coordinates that do not exist."""


SPOKEN = (PagesError, GalleryError, MeanModelError)
"""The errors whose message is written for the visitor; any other one is a bug and keeps its traceback."""


COMMAND = re.compile(r"(?:^|[\s(])(?:--\w|python3? )")
"""A command or an option of one: of use to whoever runs the server, who finds it in the log."""


def sentence(error: BaseException) -> str:
    """The error's message as one line that ends with a full stop, without what names a command."""
    told = re.split(r"(?<=[.!?]) +", in_short(" ".join(str(error).split())))
    text = " ".join(each for each in told if not COMMAND.search(each))
    text = text or "This did not work; the server's log may say why."
    return text if text.endswith((".", "!", "?")) else f"{text}."
