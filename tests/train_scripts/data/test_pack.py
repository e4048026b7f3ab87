"""Packing worlds: the same arrays from any number of processes, and nothing made twice."""

from pathlib import Path

import numpy as np
import pytest

from train_scripts.data.pack import Order, main, pack_all


@pytest.mark.slow
def test_processes_do_not_change_worlds(tmp_path: Path) -> None:
    options = ["--worlds", "2", "--first-seed", "7", "--appearances", "2", "--size-m", "256", "--workers", "2"]
    main(["--out", str(tmp_path / "two"), *options])
    pack_all([7, 8], Order(tmp_path / "one", appearances=2, size_m=256.0))
    assert [path.name for path in sorted((tmp_path / "two").iterdir())] == ["world_000007.npz", "world_000008.npz"]
    for path in (tmp_path / "two").iterdir():
        with np.load(path) as two, np.load(tmp_path / "one" / path.name) as one:
            assert set(two.files) == set(one.files)
            assert all(np.array_equal(two[name], one[name]) for name in two.files)


def test_a_packed_world_stays(tmp_path: Path) -> None:
    (tmp_path / "world_000007.npz").write_bytes(b"packed before")
    pack_all([7], Order(tmp_path, size_m=256.0))
    assert (tmp_path / "world_000007.npz").read_bytes() == b"packed before"
