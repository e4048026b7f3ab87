"""The repository as a Hugging Face Space: what its front matter promises, and a clean copy that answers a photo."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from gradio_client import Client, handle_file

import app
from tests.helpers import ROOT
from tests.helpers.app_process import started
from tests.helpers.fake_hub import COMMIT, fake_hub
from tests.helpers.small_world import catalog_of, service_of

PACKAGES = ("mean_model", "gallery", "pages", "train_scripts")
EMOJI_AND_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def front_matter() -> dict[str, object]:
    return yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])


def test_the_front_matter_is_complete_and_valid():
    told = front_matter()
    assert told["sdk"] == "gradio" and told["app_file"] == "app.py" and (ROOT / "app.py").is_file()
    assert told["license"] == "apache-2.0" and (ROOT / "LICENSE").is_file()
    assert {told["colorFrom"], told["colorTo"]} <= EMOJI_AND_COLOURS
    assert len(str(told["short_description"])) <= 60 and told["title"] and told["emoji"]
    assert isinstance(told["python_version"], str), "unquoted, 3.10 would be read as 3.1"
    assert told["suggested_hardware"] == "cpu-basic"


def test_the_stated_gradio_is_the_tested_one():
    stated = str(front_matter()["sdk_version"])
    assert version("gradio") == stated
    bound = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert bound and stated.startswith(bound[1].rstrip("*"))


def distributions(requirements: Iterable[str]) -> set[str]:
    """The names in lines of requirements, without what only an extra asks for."""
    names = [re.match(r"[\w.-]+", line) for line in requirements if "extra ==" not in line]
    return {name[0].lower().replace("_", "-") for name in names if name}


@pytest.mark.slow
def test_the_requirements_bring_all_that_is_imported():
    """A Space installs them and nothing else; `spaces` is in its image."""
    sources = [ROOT / "app.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    cluster = distributions((ROOT / "requirements-cluster.txt").read_text("utf-8").splitlines())
    own = {*PACKAGES, "app", "spaces", "kornia", *cluster}
    imported = {name.split(".")[0] for name in (*plain, *named)} - sys.stdlib_module_names - own
    listed = distributions((ROOT / "requirements.txt").read_text("utf-8").splitlines())
    brought = listed.union(*(distributions(requires(name) or ()) for name in listed))
    homes = packages_distributions()
    assert [name for name in sorted(imported) if not distributions(homes.get(name, ())) & brought] == []


def test_uploads_go_after_an_hour_and_the_queue_has_an_end(tmp_path):
    pages = app.build(catalog_of(service_of(tmp_path)))
    assert pages.delete_cache == (3600, 3600)
    assert pages._queue.max_size == app.MOST_WAITING and pages._queue.default_concurrency_limit == 4


SPACES = """
import gradio as gr

def gradio_auto_wrap(task):
    return task

def GPU(duration):
    def lend(task):
        def refuse(pixels):
            raise gr.Error("No GPU was available")
        return refuse
    return lend
"""


def stand_in_for_spaces(site: Path) -> Path:
    """The package `spaces` of a Space's image, as far as Gradio and the app ask for it; every GPU is taken."""
    (site / "spaces").mkdir(parents=True)
    (site / "spaces" / "__init__.py").write_text(SPACES)
    (site / "spaces" / "reloading.py").write_text("def start_reload_server(**options): pass\n")
    (site / "spaces-0.51.3.dist-info").mkdir()
    (site / "spaces-0.51.3.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: spaces\nVersion: 0.51.3\n")
    return site


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif("TEST_SPACE" not in os.environ, reason="starts a whole server: set TEST_SPACE=1")
def test_a_clean_copy_starts_as_a_space_and_answers_a_photo(tmp_path):
    """With model and gallery preloaded from the Hub by MEAN_MODEL and MEAN_GALLERY, pinned, and nothing else there."""
    copy, home = tmp_path / "app", tmp_path / "home"
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout: what would be pushed is not known")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    pushed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, pushed.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    files = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    starter, sample = copy / "mean_model" / "weights" / "starter", copy / "gallery" / "sample"
    with fake_hub() as hub:
        for kind, name, folder in (("models", "me/starter", starter), ("datasets", "me/island", sample)):
            content = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
            hub.add(name, {path: file.read_bytes() for path, file in content.items()}, kind)
        space = {
            "SYSTEM": "spaces",
            "SPACE_ID": "me/locator",
            "SPACES_ZERO_GPU": "true",
            "MEAN_MODEL": f"me/starter@{COMMIT}",
            "MEAN_GALLERY": f"me/island@{COMMIT}",
            "HF_ENDPOINT": hub.endpoint,
            "HOME": str(home),
            "TMPDIR": str(tmp_path / "tmp"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(stand_in_for_spaces(tmp_path / "site")),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (tmp_path / "tmp").mkdir()
        with started(copy, environment=space) as process:  # at 127.0.0.1, where a Space has 0.0.0.0
            answer = Client(process.address, verbose=False).predict(
                photo=handle_file(sample / "photos" / "null_island_000.jpg"), k=3, api_name="/localize"
            )
            example = next((home / ".cache" / "huggingface").rglob("null_island_001.jpg"))
            with urlopen(f"{process.address}/gradio_api/file={example}") as served:
                assert served.status == 200, "the example photos are links in the Hub's cache"
            memory_mb = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 1e6
    assert [match["rank"] for match in answer["matches"]] == [1, 2, 3]
    assert memory_mb < 4000, "of the 16 GB of cpu-basic"
    assert "No GPU is lent now, the CPU computes: " in process.log
    assert "Traceback" not in process.log and str(answer["matches"][0]["lon"])[:8] not in process.log
    assert {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()} == files
    assert {path.name for path in home.iterdir()} <= {".cache", ".config"}  # the Hub's cache; matplotlib's fonts
