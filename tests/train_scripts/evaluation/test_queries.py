"""The table of photos and where they were taken."""

import pytest

from gallery.errors import GalleryError
from train_scripts.evaluation.queries import read_queries


@pytest.mark.parametrize("rows", ["a.jpg,1,2\na.jpg,1,2", "../a.jpg,1,2", "/a.jpg,1,2", "a.jpg,one,2", "a.jpg"])
def test_a_table_that_cannot_be_meant_is_refused(tmp_path, rows):
    (tmp_path / "truth.csv").write_text(f"file,lon,lat\n{rows}\n")
    with pytest.raises(GalleryError, match=r"truth.csv (names a.jpg twice, or outside|needs the columns)"):
        read_queries(tmp_path)
