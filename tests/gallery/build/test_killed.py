"""A build that is killed 30 times at random moments: the old gallery opens each time, and the result is the same."""

import os
import subprocess
import sys

import pytest

from tests.helpers import ROOT
from tests.helpers.builders import textured, write_raster

KILLS = 30

PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path

from tests.helpers.builders import FakeEmbedder, digest, textured, write_raster
from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.store.manifest import DATA_FILES

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
random.seed(1)

class Slow(FakeEmbedder):
    def embed(self, images):
        time.sleep(0.004)
        return super().embed(images)

def build(out, size_m):  # some tiles show the same, some nothing
    return build_gallery(folder / "region.tif", out, Slow(grid=2), size_m, options=BuildOptions(batch_size=8))

def digests(gallery):
    return [digest(gallery.folder / name) for name in DATA_FILES]

pixels = textured(400, 500)
pixels[:, 200:, :200], pixels[:, :100, 300:] = pixels[:, :200, :200], 80
write_raster(folder / "region.tif", pixels=pixels)
expected = {}
for size_m in (30, 36):
    begun = time.monotonic()
    expected[size_m] = digests(build(folder / f"whole {size_m}", size_m))
    whole_s = time.monotonic() - begun
build(folder / "g", 36)
standing, wanted, killed = expected[36], 30, 0
while killed < kills:
    process = os.fork()
    if not process:
        build(folder / "g", wanted)
        os._exit(0)
    time.sleep(random.uniform(0, whole_s / 2))
    os.kill(process, signal.SIGKILL)
    if os.WIFEXITED(os.waitpid(process, 0)[1]):
        assert digests(Gallery.open(folder / "g")) == expected[wanted], "the resumed build is another one"
        standing, wanted = expected[wanted], 66 - wanted
    else:
        killed += 1
        found = digests(Gallery.open(folder / "g"))
        assert found in (standing, expected[wanted])
        standing = found
assert digests(build(folder / "g", wanted)) == expected[wanted], "the resumed build is another one"
"""


@pytest.mark.slow
@pytest.mark.process
def test_a_build_survives_30_kills(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(KILLS)], cwd=ROOT, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


REAL = """
import os, signal, sys
from pathlib import Path

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.store.manifest import FILES
from mean_model import load_model
from tests.helpers.builders import digest

folder = Path(sys.argv[1])

def build(out, killed_after=None):  # in a process of its own, as each command is
    if child := os.fork():
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    def step(progress):
        if killed_after is not None and progress.done >= killed_after:
            os.kill(os.getpid(), signal.SIGKILL)
    build_gallery(folder / "region.tif", folder / out, load_model("starter"), 40, 0.5, progress=step,
                  options=BuildOptions(batch_size=6))
    os._exit(0)

def digests(out):
    return [digest(folder / out / name) for name in FILES]

assert not build("whole")
assert build("stopped", 6) and build("stopped", 12) and not build("stopped")
assert digests("stopped") == digests("whole"), "the resumed build is another one"
assert Gallery.open(folder / "whole").precision in ("float32", "bfloat16")
"""


@pytest.mark.slow
@pytest.mark.process
def test_a_killed_build_with_the_starter_makes_the_same_bytes(tmp_path):
    write_raster(tmp_path / "region.tif", pixels=textured(120, 130))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", REAL, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
