"""Files of a gallery from a stream of rows: whole galleries, in memory that does not grow with the rows."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from shapely.geometry import box

from gallery import Gallery
from gallery.build.checkpoint import Block
from gallery.build.write import blocks_of, write_gallery
from gallery.errors import BuildError
from gallery.geo import LonLat
from gallery.store.manifest import INDEX
from gallery.store.tile_table import rows_of
from gallery.tiles import Tile, Window

MODEL = {"source": "", "name": "made up", "fingerprint": "f", "dimension": 64}
ROWS = 500


def blocks(count: int) -> Iterator[Block]:
    """A number of blocks, each made when it is asked for."""
    for number in range(count):
        generator = np.random.default_rng(number)
        tiles = [
            Tile(f"a/{number}-{row}", LonLat(1, row / 1e4), box(0, 0, 1, 1), 0.5, "a.tif", Window(row, number, 9, 9))
            for row in range(ROWS)
        ]
        vectors = generator.normal(size=(ROWS, 64))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield Block(rows_of(tiles, [tile.id for tile in tiles]), vectors.astype(np.float16))


def test_a_stream_becomes_a_gallery_and_a_stream_again(tmp_path):
    write_gallery(tmp_path, "key", blocks(5), 5 * ROWS, MODEL, {"tile_size_m": 9.0}, {"empty": 3}, "exact")
    gallery = Gallery.open(tmp_path)
    assert (
        len(gallery) == 5 * ROWS and gallery.manifest["skipped"] == {"empty": 3} and gallery.tile(700).id == "a/1-200"
    )
    assert np.array_equal(gallery.vectors, np.concatenate([block.vectors for block in blocks(5)]))
    again = list(blocks_of(gallery, np.arange(5 * ROWS) % 2 == 0))
    assert sum(len(block.rows) for block in again) == sum(len(block.vectors) for block in again) == 5 * ROWS / 2
    assert again[0].rows["id"][1].as_py() == "a/0-2" and np.array_equal(again[0].vectors[1], gallery.vectors[2])


def test_a_stream_that_breaks_off_is_no_gallery(tmp_path):
    with pytest.raises(BuildError, match="500 tiles in place of 1000"):
        write_gallery(tmp_path, "key", blocks(1), 2 * ROWS, MODEL, {}, {})


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    def write_no_index(path, *arguments):
        path.touch()
        return {"kind": "exact"}

    monkeypatch.setattr("gallery.build.write.write_index", write_no_index)
    peaks = []
    for count in (4, 24):
        (tmp_path / str(count)).mkdir()
        tracemalloc.start()
        write_gallery(tmp_path / str(count), "key", blocks(count), count * ROWS, MODEL, {}, {})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (tmp_path / str(count) / INDEX).is_file()
    assert peaks[1] < 1.2 * peaks[0] and pa.total_allocated_bytes() < 20_000_000
