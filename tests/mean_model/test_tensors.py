"""Files of strangers: plain tensors are read, and everything else is refused without running it."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mean_model.errors import CheckpointError
from mean_model.tensors import read_tensors


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.bin", "weights.safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_tensors_are_read(name: str, prefix: str, tmp_path: Path) -> None:
    state = {f"{prefix}a.weight": torch.rand(3, 2), f"{prefix}b": torch.tensor(7)}
    save_file(state, tmp_path / name) if name.endswith("safetensors") else torch.save(state, tmp_path / name)
    read = read_tensors(tmp_path / name)
    assert read.keys() == {"a.weight", "b"} and torch.equal(read["a.weight"], state[f"{prefix}a.weight"])


class Hostile:
    """Unpickling this would run code."""

    def __reduce__(self):
        return print, ("this must never be printed",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (nn.Linear(2, 2), "cannot be read safely"),
        (Hostile(), "cannot be read safely"),
        ({"state_dict": {"a": torch.zeros(1)}}, "holds more or other than named tensors"),
        ({3: torch.zeros(1)}, "holds more or other than named tensors"),
        ([torch.zeros(1)], "holds more or other than named tensors"),
        (torch.zeros(1), "holds more or other than named tensors"),
    ],
    ids=["module", "hostile", "nested", "numbered", "list", "tensor"],
)
def test_what_is_no_plain_state_dict_is_refused(content: object, says: str, tmp_path: Path, capsys) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=f"^weights.pth.*{says}") as error:
        read_tensors(tmp_path / "weights.pth")
    assert str(tmp_path) not in str(error.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("content", [Hostile(), {"a": 1}, 7], ids=["hostile", "dictionary", "number"])
def test_a_bare_pickle_is_refused(content: object, protocol: int, tmp_path: Path, capsys) -> None:
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(CheckpointError, match=r"^weights.pth"):
        read_tensors(tmp_path / "weights.pth")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("length", [0, 1, 100, 1000])
def test_a_truncated_file_is_refused(length: int, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1000)}, tmp_path / "weights.pth")
    (tmp_path / "weights.pth").write_bytes((tmp_path / "weights.pth").read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"^weights.pth cannot be read safely"):
        read_tensors(tmp_path / "weights.pth")


def test_a_damaged_file_of_the_old_format_is_refused(tmp_path: Path) -> None:
    tensor = torch.zeros(3)
    torch.save({"a": tensor}, tmp_path / "weights.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "weights.pth").read_bytes()
    key = str(tensor.untyped_storage()._cdata).encode()
    assert content.count(key) == 2
    (tmp_path / "weights.pth").write_bytes(content.replace(key, b"9" * len(key), 1))
    with pytest.raises(CheckpointError, match=r"^weights.pth cannot be read safely"):
        read_tensors(tmp_path / "weights.pth")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>Not found</html>")
    with pytest.raises(CheckpointError, match=r"^page.pth cannot be read safely"):
        read_tensors(tmp_path / "page.pth")
    with pytest.raises(CheckpointError, match=r"There is no file absent.pth"):
        read_tensors(tmp_path / "absent.pth")
    with pytest.raises(CheckpointError, match="There is no file"):
        read_tensors(tmp_path)
