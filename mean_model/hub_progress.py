"""How a download from the Hub shows how far it is."""

from typing import Any

from huggingface_hub.utils import are_progress_bars_disabled
from tqdm import tqdm


class BytesBar(tqdm):
    """The Hub client's bars of bytes, and not those that count files: a model is one large file and a small one.

    Drawn also where there is no terminal, so that minutes of download show in a log; silent by the client's own switch.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        silent = options.get("unit") != "B" or are_progress_bars_disabled()
        options.pop("name", None)  # a group of bars in earlier clients, which plain tqdm refuses
        super().__init__(*args, **{**options, "disable": silent})
