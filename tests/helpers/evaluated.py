"""Small evaluations with their reports: of a gallery, and of a dataset with a tiny network."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from gallery import Gallery, Localizer, build_gallery
from gallery.report.report import row_of, write_report
from tests.helpers.builders import FakeEmbedder
from tests.helpers.tiny_model import save_tiny


class FakeModel(FakeEmbedder):
    """The fake embedder in the manners of `mean_model.Embedder`: it takes generators, and can be closed."""

    def embed(self, images: Any) -> np.ndarray:
        return super().embed(list(images))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def evaluated_gallery(folder: Path, rasters: Sequence[Path], embedder: FakeEmbedder) -> Path:
    """`tiles`, `photos` cut from them, and `report.parquet` of their search; the last query has a false truth."""
    build_gallery(rasters, folder / "tiles", embedder, tile_size_m=60, overlap=0.5)
    gallery = Gallery.open(folder / "tiles")
    localizer = Localizer(gallery, embedder)
    (folder / "photos").mkdir()
    rows = []
    numbers = np.linspace(0, len(gallery) - 1, 6).astype(int)
    for i, number in enumerate(numbers):
        tile = gallery.tile(int(number))
        file = folder / "photos" / f"q{i}.png"
        gallery.image(tile, 128).save(file)
        truth = tile.centre if i < 5 else gallery.tile(int(numbers[2])).centre
        row = row_of(localizer.localize(file, k=3), f"q{i}", file.name, truth, condition="fog" if i else None)
        rows.append(replace(row, vector=embedder.embed([embedder.read(file)])[0]))
    write_report(folder / "report.parquet", rows, {"fingerprint": embedder.fingerprint})
    return folder


def evaluated_dataset(folder: Path, **asked: Any) -> Path:
    """`uni`, the weights `tiny` for 64 px, and `dataset.parquet` of them (several trials: several files)."""
    from train_scripts.data.simulator.make_dataset import Size, make_university1652
    from train_scripts.evaluation.places import PlacesOptions, run

    save_tiny(folder / "tiny", 64)
    make_university1652(folder / "uni", Size(train=1, test=4, distractors=1, views=2, size_px=64))
    out = folder / "reports" / "dataset.parquet"
    out.parent.mkdir()
    uni, tiny = f"university1652:{folder / 'uni'}", str(folder / "tiny")
    list(run(PlacesOptions(uni, model=tiny, out=out, progress=False, **asked)))
    return folder
