"""Files cut into pieces that travel, and put together again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mean_model.errors import CheckpointError
from train_scripts.pieces import join, list_of, main, split


@given(size=st.integers(0, 5000), piece=st.integers(200, 2000))
def test_pieces_make_the_file_again(size: int, piece: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("pieces") / "last.pt"
    file.write_bytes(data := bytes(number * 7 % 251 for number in range(size)))
    *pieces, listed = split(file, piece / 2**20)
    assert listed == list_of(file) and len(pieces) == -(-size // piece)
    assert all(one.stat().st_size <= piece for one in pieces)
    file.unlink()
    assert join(file).read_bytes() == data


def test_a_shorter_file_leaves_no_piece_of_the_longer_one(tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    file.write_bytes(bytes(100))
    split(file, 10 / 2**20)
    file.write_bytes(bytes(15))
    split(file, 10 / 2**20)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "last.pt", "last.pt.000", "last.pt.001", "last.pt.pieces",
    ]  # fmt: skip


def test_a_lost_or_damaged_piece_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    file.write_bytes(bytes(range(100)))
    _, second, *_ = split(file, 30 / 2**20)
    file.unlink()
    second.write_bytes(bytes(30))
    with pytest.raises(CheckpointError, match=r"last\.pt\.001 is missing or damaged"):
        join(file)
    second.unlink()
    with pytest.raises(CheckpointError, match=r"last\.pt\.001 is missing or damaged"):
        join(file)
    assert not file.exists() and not (tmp_path / "last.pt.part").exists()


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[{"name": "a"}]'])
def test_a_list_that_is_none_is_one_sentence(tmp_path: Path, text: str) -> None:
    list_of(tmp_path / "last.pt").write_text(text)
    with pytest.raises(CheckpointError, match="split the file again"):
        join(tmp_path / "last.pt")


def test_a_list_reaches_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    inside = tmp_path / "run"
    inside.mkdir()
    file = inside / "last.pt"
    file.write_bytes(b"secret")
    split(file)
    listed = list_of(file)
    listed.write_text(listed.read_text().replace("last.pt.000", "../secret"))
    with pytest.raises(CheckpointError, match="The piece secret is missing"):
        join(file)


def test_the_command_line_splits_and_joins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., str]
) -> None:
    file = tmp_path / "last.pt"
    file.write_bytes(bytes(3000))
    main(["split", str(file), "--mib", "0.001"])
    assert capsys.readouterr().out.split() == ["last.pt.000", "last.pt.001", "last.pt.002", "last.pt.pieces"]
    file.unlink()
    main(["join", str(file)])
    assert file.read_bytes() == bytes(3000)
    assert "There is no list other.pt.pieces" in refused(main, "join", tmp_path / "other.pt")
