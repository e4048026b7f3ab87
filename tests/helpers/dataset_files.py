"""Datasets of empty files, for tests of what lies where."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from train_scripts.data.readers.dataset import Retrieval


def lay(root: Path, parts: Mapping[str, Mapping[str, Iterable[str]]]) -> Path:
    """Write empty files: names by folder and place."""
    for part, places in parts.items():
        for place, names in places.items():
            folder = root / part / place
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (folder / name).touch()
    return root


def images(count: int) -> list[str]:
    """University-1652's names of drone pictures."""
    return [f"image-{number:02d}.jpeg" for number in range(1, count + 1)]


def university(root: Path, train: Iterable[str] = ("0002", "0003"), test: Iterable[str] = ("0000", "0001")) -> Path:
    """A few buildings of University-1652 with whole numbers of files, 0900 as distractor."""
    train, test = tuple(train), tuple(test)

    def drones(places: Iterable[str]) -> dict[str, list[str]]:
        return {place: images(55 if place == "0000" else 54) for place in places}

    def tiles(places: Iterable[str]) -> dict[str, list[str]]:
        return {place: [f"{place}.jpg"] for place in places}

    return lay(
        root,
        {
            "train/drone": drones(train),
            "train/satellite": tiles(train),
            "test/query_drone": drones(test),
            "test/query_satellite": tiles(test),
            "test/gallery_drone": drones((*test, "0900")),
            "test/gallery_satellite": tiles((*test, "0900")),
        },
    )


def distractors(task: Retrieval) -> set[str]:
    """Places of the gallery that no query shows."""
    return {picture.place for picture in task.gallery} - {picture.place for picture in task.queries}


def unanswered(task: Retrieval) -> set[str]:
    """Places of queries that the gallery does not hold."""
    return {picture.place for picture in task.queries} - {picture.place for picture in task.gallery}


def tiny_image(file: Path, colour: tuple[int, int, int] = (90, 120, 60)) -> Path:
    """A real picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (48, 36), colour).save(file)
    return file
