"""A worker reads what would be read here, and ends at its limits of time and memory."""

import io
import os
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from mean_model import photo, photo_worker
from mean_model.errors import PhotoError
from mean_model.photo import load_photo, read_here
from mean_model.photo_worker import Job, NoWorker, Pool, Worker
from tests.helpers import ROOT
from tests.helpers.bad_files import bomb_png, gps_exif, jpeg_bytes, picture
from tests.helpers.hostile_pictures import large_tiff


@pytest.fixture
def pool():
    pool = Pool(2)
    yield pool
    pool.close()


def process_of(pool):
    (worker,) = pool._idle
    return worker._process.pid


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("target_px", [None, 60])
def test_a_worker_reads_as_this_process_does(pool, target_px):
    data = jpeg_bytes(picture(), exif=gps_exif(7.5, 47.5))
    here, apart = read_here(data, "a.jpg", target_px), pool.read(Job(data, "a.jpg", target_px))
    assert here.image.tobytes() == apart.image.tobytes() and here.image.size == apart.image.size
    assert (here.position, here.notes, here.name, here.width_px) == (
        apart.position,
        apart.notes,
        apart.name,
        apart.width_px,
    )
    apart.image.putpixel((0, 0), (1, 2, 3))  # its own, and writable
    assert here.position is not None


def test_it_stays_warm_and_refusals_are_the_same(pool):
    pool.read(Job(jpeg_bytes(picture()), "a.jpg", None))
    first = process_of(pool)
    damaged = jpeg_bytes(picture())[:3_000]
    with pytest.raises(PhotoError, match=r"a\.jpg is damaged or cut short"):
        pool.read(Job(damaged, "a.jpg", None))
    assert pool.read(Job(jpeg_bytes(picture()), "b.jpg", None)).name == "b.jpg"
    assert process_of(pool) == first


def test_one_that_takes_too_long_is_ended_and_the_next_photo_is_read(pool, monkeypatch):
    pool.read(Job(jpeg_bytes(picture()), "a.jpg", None))
    monkeypatch.setattr(photo_worker, "MOST_WAITING_S", 0.3)
    with pytest.raises(PhotoError, match=r"slow\.png takes too long to decode"):
        pool.read(Job(bomb_png(10_000, 10_000), "slow.png", None))
    assert not pool._idle
    monkeypatch.setattr(photo_worker, "MOST_WAITING_S", 60)
    assert pool.read(Job(jpeg_bytes(picture()), "b.jpg", None)).name == "b.jpg"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_time_is_that_of_its_own_computing_and_memory_is_bounded(tmp_path):
    lines = """
import sys
from mean_model import photo_worker_program as program
program.MOST_CPU_S, program.MOST_BYTES = 0, 200_000_000
if sys.argv[1] == "time":
    program._limit_time()
    while True: pass
program._limit_memory()
from mean_model.photo import read_here
from tests.helpers.hostile_pictures import large_tiff
try:
    read_here(large_tiff(100, 100), "small.tif", 100)
    read_here(open(sys.argv[3], "rb").read(), "strips.tif", 100)
    read_here(open(sys.argv[2], "rb").read(), "large.tif", 100)
except Exception as error:
    print(type(error).__name__, error)
"""
    timed = subprocess.run([sys.executable, "-c", lines, "time"], cwd=ROOT, timeout=30, check=False)
    assert -timed.returncode == 24  # SIGXCPU
    file = tmp_path / "large.tif"
    file.write_bytes(large_tiff(6_000, 9_000, compression="tiff_lzw", tiffinfo={278: 9_000}))  # one strip
    strips = tmp_path / "strips.tif"
    strips.write_bytes(large_tiff(6_000, 9_000, compression="tiff_lzw"))  # which are read one after the other
    line = [sys.executable, "-c", lines, "memory", str(file), str(strips)]
    told = subprocess.run(line, cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert told.stdout.startswith("PhotoError large.tif needs too much memory"), told


@pytest.mark.slow
def test_what_a_large_picture_held_goes_with_its_worker(pool):
    read = pool.read(Job(large_tiff(11_000, 10_000), "large.tif", 100))
    assert min(read.image.size) == 200 and not pool._idle
    pool.read(Job(jpeg_bytes(picture()), "a.jpg", None))
    assert is_running(process_of(pool))


def test_one_that_died_is_replaced(pool):
    pool.read(Job(jpeg_bytes(picture()), "a.jpg", None))
    os.kill(process_of(pool), 9)
    with pytest.raises(PhotoError, match="is damaged"):
        pool.read(Job(jpeg_bytes(picture()), "a.jpg", None))
    assert pool.read(Job(jpeg_bytes(picture()), "a.jpg", None)).name == "a.jpg"


def test_many_threads_share_the_workers(pool):
    names, threads = [], []
    for number in range(6):
        job = Job(jpeg_bytes(picture(seed=number)), f"{number}.jpg", None)
        threads.append(threading.Thread(target=lambda job=job: names.append(pool.read(job).name)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == [f"{number}.jpg" for number in range(6)] and 1 <= len(pool._idle) <= 2


def test_of_large_photos_one_is_read_at_a_time(monkeypatch):
    pool, held, most = Pool(4), [0], []

    class Slow:
        spent = True

        def read(self, job):
            held[0] += 1
            most.append(held[0])
            time.sleep(0.05)
            held[0] -= 1

    monkeypatch.setattr(photo_worker, "Worker", Slow)

    def ask(pixels):
        asking = [threading.Thread(target=pool.read, args=(Job(b"", "a", None), pixels)) for _ in range(4)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        return max(most)

    assert ask(photo_worker.LARGE_PX + 1) == 1 and ask(1_000_000) > 1


def test_costly_photos_are_read_apart_and_common_ones_here(monkeypatch):
    asked = []

    def apart(data, name, target_px, pixels):
        asked.append(name)
        raise NoWorker

    monkeypatch.setattr(photo, "read_apart", apart)
    buffer = io.BytesIO()
    picture().save(buffer, "AVIF")
    assert load_photo(jpeg_bytes(picture())).image.size == (320, 240) and not asked
    assert load_photo(buffer.getvalue()).image.size == (320, 240) and asked == ["photo"]  # and read here at last
    load_photo(large_tiff(4_000, 3_000, compression="tiff_lzw"), 100)
    assert len(asked) == 2


def test_where_no_program_can_be_started_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(NoWorker):
        Worker()


def test_a_worker_ends_with_the_program_that_asked():
    lines = """
import sys
from mean_model.photo_worker import read_apart, _shared
from tests.helpers.bad_files import jpeg_bytes, picture
read_apart(jpeg_bytes(picture()), "a.jpg", None, 0)
print(_shared.pool()._idle[0]._process.pid, flush=True)
import os; os.kill(os.getpid(), 9)
"""
    told = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, timeout=60)
    pid, deadline = int(told.stdout), time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def test_a_very_large_picture_is_averaged_band_by_band():
    small = picture(400, 300)
    for mode in ("RGB", "RGBA", "P", "CMYK", "I"):
        image = small.convert(mode).resize((4_800, 3_600), Image.Resampling.NEAREST)
        read = load_photo(image, 75).image
        assert read.size == (200, 150)
        wanted = load_photo(small.convert(mode), 75).image.resize((200, 150), Image.Resampling.BICUBIC)
        difference = sum(abs(a - b) for a, b in zip(read.tobytes(), wanted.tobytes(), strict=True)) / len(
            wanted.tobytes()
        )
        assert difference < 6, mode
