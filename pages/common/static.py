"""The files of `pages/static`: scripts, style sheets and the logo."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "static"


def text(name: str) -> str:
    """What a file holds."""
    return (FOLDER / name).read_text("utf-8")
