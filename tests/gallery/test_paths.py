"""Files that are written whole or not at all."""

import pytest

from gallery.paths import write_whole


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("old")
    (tmp_path / "unfinished-a.json").write_text("of a killed process")

    def breaks(path):
        assert path.suffix == ".json" and not path.exists()
        path.write_text("ha")
        raise OSError("no space left")

    with pytest.raises(OSError):
        write_whole(file, breaks)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
    write_whole(file, lambda path: path.write_text("new"))
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]
