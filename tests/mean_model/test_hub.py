"""The Hub: what the real client fetches from a Hub on loopback, and the sentence for everything that can fail."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

from mean_model.checkpoint import load_model, load_network, save_model
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError, ConfigError, HubError
from mean_model.hub import Repo
from mean_model.network import MEAN
from tests.helpers.fake_hub import COMMIT, TOKEN, FakeHub, fake_hub

ASK = """
import json, sys, time
import huggingface_hub
from mean_model.errors import MeanModelError
from mean_model.hub import Repo, fetch
for source in sys.argv[1:]:
    start = time.perf_counter()
    try:
        folder = fetch(Repo.parse(source), ["config.json", "model.safetensors"])
        said = str(sorted(path.name for path in folder.iterdir()))
    except MeanModelError as error:
        said = str(error)
    print(json.dumps([said, time.perf_counter() - start]), flush=True)
"""
FILES = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}
HELD = "['config.json', 'model.safetensors']"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.add("me/atto", {**FILES, "README.md": b"# Card", "extra.bin": b"?"})
        yield hub


def ask(hub: FakeHub, home: Path, *sources: str, **environment: str) -> list[tuple[str, float]]:
    """Fetch each source in one fresh process: (names of the files in the folder or the refusal, seconds)."""
    run = hub.run(home, "-c", ASK, *sources, **environment)
    assert run.returncode == 0, run.stderr
    return [tuple(json.loads(line)) for line in run.stdout.splitlines()]


def downloads(hub: FakeHub) -> list[str]:
    return [request.partition("/resolve/")[2] for request in hub.requests if request.startswith("GET /me/atto/resolve")]


@pytest.mark.parametrize(
    ("source", "repo"),
    [
        ("me/atto", Repo("me/atto")),
        ("me/atto@v1.0", Repo("me/atto", "v1.0")),
        ("me/atto@refs/pr/3", Repo("me/atto", "refs/pr/3")),
        ("atto", None),
        ("a/b/c", None),
        ("../atto", None),
        ("me/atto@", None),
        ("", None),
    ],
)
def test_what_names_a_repository(source, repo):
    assert Repo.parse(source) == repo


@pytest.mark.process
def test_from_download_to_offline(hub, tmp_path):
    assert [said for said, _ in ask(hub, tmp_path, "me/atto", "me/atto", f"me/atto@{COMMIT}")] == [HELD] * 3
    assert len(downloads(hub)) == 2, "each file once"
    asked = len(hub.requests)
    ask(hub, tmp_path, "me/atto", f"me/atto@{COMMIT}")
    assert all("/api/agent" in request for request in hub.requests[asked:]), "the cache answers without the network"
    assert ask(hub, tmp_path, "me/atto", HF_HUB_OFFLINE="1")[0][0] == HELD


@pytest.mark.process
def test_a_download_shows_its_bytes_also_where_no_terminal_is(hub, tmp_path):
    shown = hub.run(tmp_path / "one", "-c", ASK, "me/atto", "me/atto").stderr
    assert "7.00kB" in shown and "Fetching" not in shown
    assert "7.00kB" not in hub.run(tmp_path / "two", "-c", ASK, "me/atto", HF_HUB_DISABLE_PROGRESS_BARS="1").stderr


@pytest.mark.process
def test_a_revision_stays_what_it_is_while_the_branch_moves(hub, tmp_path):
    hub.repos["models", "me/atto"].commit({**FILES, "config.json": b'{"new": 1}'})
    hub.repos["models", "me/atto"].refs["v1"] = COMMIT
    assert [said for said, _ in ask(hub, tmp_path, "me/atto@v1", "me/atto")] == [HELD, HELD]
    snapshots = tmp_path / "hub" / "models--me--atto" / "snapshots"
    assert {path.name: (path / "config.json").read_bytes() for path in snapshots.iterdir()} == {
        COMMIT: b"{}",
        hub.repos["models", "me/atto"].refs["main"]: b'{"new": 1}',
    }


@pytest.mark.process
def test_what_the_hub_does_not_have_is_one_sentence_each(hub, tmp_path):
    hub.add("me/bare", {"config.json": b"{}"})
    hub.add("me/gated", FILES, gated=True)
    answers = ask(hub, tmp_path, "me/atto@v9", "me/none", "me/bare", "me/gated", "me--x/a..b")
    assert [said for said, _ in answers] == [
        "me/atto on the Hub has no revision v9: check the part after the @.",
        "There is no folder me/none here and no such model on the Hub: check the name, or log in by `hf auth login` if "
        "it is private.",
        "The Hub model me/bare has no model.safetensors: it holds nothing that this project wrote.",
        "me/gated on the Hub asks for access: log in by `hf auth login` and request it.",
        "me--x/a..b is no valid Hub id: give it as user/name.",
    ]
    assert not downloads(hub), "nothing is downloaded for a repository that lacks a file"


@pytest.mark.process
def test_a_private_repository_takes_a_token(hub, tmp_path):
    hub.add("me/secret", FILES, private=True)
    assert "if it is private" in ask(hub, tmp_path, "me/secret")[0][0]
    assert ask(hub, tmp_path, "me/secret", HF_TOKEN=TOKEN)[0][0] == HELD


@pytest.mark.process
def test_no_network_is_known_at_once(tmp_path):
    with fake_hub() as hub:
        pass  # the server is gone, its port is free
    (refused, refused_s), (again, again_s) = ask(hub, tmp_path, "me/atto", f"me/atto@{COMMIT}")
    assert refused.startswith("me/atto is neither a folder here nor in the Hub's cache, and the Hub cannot be reached")
    assert again == refused and max(refused_s, again_s) < 5
    hub.endpoint = "http://no-such-host.invalid"
    refused, seconds = ask(hub, tmp_path, "me/atto")[0]
    assert "cannot be reached" in refused and seconds < 12
    refused, seconds = ask(hub, tmp_path, "me/atto", HF_HUB_OFFLINE="1")[0]
    assert "cannot be reached" in refused and seconds < 5


@pytest.mark.process
def test_a_hub_in_trouble_is_named(hub, tmp_path):
    hub.failing = 503
    assert "The Hub answered 503 for me/atto" in ask(hub, tmp_path, "me/atto")[0][0]


@pytest.mark.process
def test_too_large_for_the_disk_is_known_before_the_download(hub, tmp_path):
    hub.stated["model.safetensors"] = 10**18
    assert "me/atto takes 1,000,000,000,000.0 MB and the Hub's cache has" in ask(hub, tmp_path, "me/atto")[0][0]
    assert not downloads(hub)


@pytest.mark.process
def test_a_transfer_that_breaks_off_leaves_nothing_half(hub, tmp_path):
    hub.cut["model.safetensors"] = 500
    said = ask(hub, tmp_path, "me/atto")[0][0]
    assert said.startswith("me/atto") and said.endswith(".")
    hub.cut.clear()
    assert ask(hub, tmp_path, "me/atto")[0][0] == HELD


@pytest.mark.process
def test_a_damaged_copy_in_the_cache_is_found(hub, tmp_path):
    ask(hub, tmp_path, "me/atto")
    next(tmp_path.rglob("model.safetensors")).resolve().write_bytes(b"weights" * 999 + b"weighty")
    assert ask(hub, tmp_path, "me/atto")[0][0] == (
        "model.safetensors of me/atto is damaged in the Hub's cache: remove it by `hf cache rm model/me/atto` and try "
        "again."
    )


def test_a_model_comes_from_the_hub_as_from_its_folder(hub, tmp_path, monkeypatch):
    torch.manual_seed(0)
    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)
    save_model(tmp_path / "atto", MEAN.from_config(config), config)
    files = {path.name: path.read_bytes() for path in (tmp_path / "atto").iterdir()}
    hub.add("me/real", files)
    hub.add("me/torn", {**files, "model.safetensors": files["model.safetensors"][:1000]})
    hub.add("me/vit", {**files, "config.json": b'{"architectures": ["ViTModel"]}'})
    hub.adopt(monkeypatch, tmp_path / "home")
    loaded, local = load_network(f"me/real@{COMMIT}"), load_network(tmp_path / "atto")
    assert (loaded[0], loaded[2:]) == (f"me/real@{COMMIT}", local[2:])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged or no safetensors file"):
        load_network("me/torn")
    with pytest.raises(ConfigError, match=r"config\.json describes another kind of model"):
        load_network("me/vit")


def test_a_plain_timm_model_has_its_weights_from_the_hub(hub, tmp_path, monkeypatch):
    torch.manual_seed(0)
    state = timm.create_model("test_convnext", num_classes=10).state_dict()
    hub.add(timm.get_pretrained_cfg("test_convnext").hf_hub_id, {"model.safetensors": save(state)})
    hub.adopt(monkeypatch, tmp_path)
    with load_model("timm:test_convnext", device="cpu", precision="float32") as embedder:
        assert (embedder.name, embedder.image_size) == ("timm:test_convnext", 160)
        assert torch.equal(embedder.network.state_dict()["backbone.stem.0.weight"], state["stem.0.weight"])
    with pytest.raises(HubError, match="no such model on the Hub"):
        load_model("timm:test_vit")
