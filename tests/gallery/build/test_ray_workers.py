"""A build on a Ray cluster: the same gallery as on one machine, also when a worker is killed in the middle."""

import os
import pickle
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gallery import Gallery, build_gallery
from gallery.build.batches import KnownTiles
from gallery.build.options import BuildOptions
from gallery.build.raster_source import RasterSource, Tiling
from gallery.build.ray_workers import LOCAL, RayWorkers, _Worker
from gallery.errors import BuildError, SourceError
from gallery.store.manifest import TILES, VECTORS
from tests.helpers import builders
from tests.helpers.builders import FakeEmbedder, textured, write_raster

ray = pytest.importorskip("ray", reason="Ray is optional: pip install -r requirements-cluster.txt")


class SlowEmbedder(FakeEmbedder):
    """Leaves time to be killed in, and tells which process it lives in."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        (notes / f"{os.getpid()}.pid").touch()

    def embed(self, images):
        time.sleep(0.1)
        return super().embed(images)


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two workers on this machine."""
    from ray import cloudpickle

    for module in (builders, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)
    ray.init("local", num_cpus=2, object_store_memory=100_000_000, log_to_driver=False, logging_level="ERROR")
    yield LOCAL
    ray.shutdown()


@pytest.fixture(scope="module")
def region(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("region")
    pixels = textured(500, 600, seed=5)
    pixels[:, 200:350, 300:450] = 0  # tiles without detail
    return write_raster(folder / "region.tif", "EPSG:32633", (500_000, 5_000_000), pixels=pixels)


def assert_same(one: Gallery, other: Gallery) -> None:
    for name in (TILES, VECTORS):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
    assert one.manifest["skipped"] == other.manifest["skipped"]


class Enough(Exception):
    """Stops a build."""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(900)  # processes start slowly on a busy machine
def test_a_killed_worker_and_a_stopped_build_change_nothing(cluster, region, tmp_path):
    alone = build_gallery(region, tmp_path / "alone", FakeEmbedder(), [60, 120], options=BuildOptions(batch_size=8))
    notes = tmp_path / "notes"
    notes.mkdir()
    killed: list[int] = []
    after = []

    def kill_then_stop(progress) -> None:
        workers = [int(note.stem) for note in notes.glob("*.pid")]
        if not killed and len(workers) == 2 and progress.done:
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)
        elif killed:
            after.append(progress.done)
            if len(after) > 8:
                raise Enough

    workers = RayWorkers(partial(SlowEmbedder, notes), cluster)
    out = tmp_path / "ray"
    with pytest.raises(Enough):
        build_gallery(
            region,
            out,
            FakeEmbedder(),
            [60, 120],
            progress=kill_then_stop,
            options=BuildOptions(batch_size=8, workers=workers),
        )
    resumed: list[int] = []
    built = build_gallery(
        region,
        out,
        FakeEmbedder(),
        [60, 120],
        progress=lambda done: resumed.append(done.resumed),
        options=BuildOptions(batch_size=8),
    )
    assert killed and resumed[0] == after[-1] < len(alone) == len(built)
    assert_same(alone, built)


def test_what_stops_a_worker_comes_back_as_a_result(region, tmp_path):
    """An exception would make Ray try again."""
    other = _Worker(
        partial(FakeEmbedder, fingerprint="other"), ("fake-8x8", "float32"), 0.0, KnownTiles(), [], os.getcwd()
    )
    stopped = pickle.loads(other({"tasks": pickle.dumps([])})["result"])
    assert isinstance(stopped, BuildError) and "has the weights other, not fake-8x8" in str(stopped)
    half = _Worker(FakeEmbedder, ("fake-8x8", "bfloat16"), 0.0, KnownTiles(), [], os.getcwd())
    refused = pickle.loads(half({"tasks": pickle.dumps([])})["result"])
    assert isinstance(refused, BuildError) and "computes in float32, not in bfloat16" in str(refused)
    moved = tmp_path / "moved.tif"
    moved.write_bytes(region.read_bytes())
    source = RasterSource(moved, 1, "moved", "moved.tif", Tiling((100.0,), 0.0, 64))
    tasks = pickle.dumps([(0, next(source.candidates()))])
    moved.unlink()
    worker = _Worker(FakeEmbedder, ("fake-8x8", "float32"), 0.0, KnownTiles(), [source], os.getcwd())
    assert isinstance(pickle.loads(worker({"tasks": tasks})["result"]), SourceError)


def test_no_cluster_is_one_sentence(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(*given, **options):
        raise ConnectionError("nobody there")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(BuildError, match=r"No Ray cluster answers at 10\.0\.0\.1:6379"):
        next(RayWorkers(FakeEmbedder, "10.0.0.1:6379")([[]], ("x", "float32"), 0.0, KnownTiles()))
