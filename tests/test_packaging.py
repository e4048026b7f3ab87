"""The wheel: the five parts of the project with their data, and the dependencies of the requirements files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.helpers import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

PACKAGES = ("gallery", "mean_model", "pages", "train_scripts")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
EXTRAS = {"cluster", "dev", "train"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy, so that no build folder stays beside the code."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "app.py", ROOT / "pyproject.toml", ROOT / "LICENSE", *ROOT.glob("*.md"), *ROOT.glob("*.txt")):
        shutil.copy(path, copy)
    run = [sys.executable, "-c", BUILD, str(out)]
    built = subprocess.run(run, cwd=copy, capture_output=True, check=True, text=True).stdout
    return out / built.split()[-1]


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    ours = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours | {"app.py"}


def test_the_wheel_asks_for_what_the_requirements_files_list(wheel):
    lists = [ROOT / "requirements.txt", *(ROOT / f"requirements-{extra}.txt" for extra in EXTRAS)]
    lines = [line for path in lists for line in path.read_text("utf-8").splitlines()]
    listed = [match[0].lower() for line in lines if (match := re.match(r"[\w.-]+", line))]
    metadata = next(name for name in ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    told = ZipFile(wheel).read(metadata).decode()
    assert sorted(name.lower() for name in re.findall(r"^Requires-Dist: ([\w.-]+)", told, re.M)) == sorted(listed)
    assert set(re.findall(r"^Provides-Extra: (.+)$", told, re.M)) == EXTRAS


def test_an_unpacked_wheel_runs_from_any_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import app, pages, train_scripts; "
        "from gallery.__main__ import main; print(app.__file__); sys.exit(main(['check', str(app.SAMPLE)]))"
    )
    run = subprocess.run([sys.executable, "-c", script, str(site)], cwd=elsewhere, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert str(site / "app.py") in run.stdout and "0 damaged" in run.stdout
