"""Training on photographed places: resumption, many processes, that it learns, and what users get wrong."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children, current_process
from pathlib import Path

import pytest
import torch

from mean_model import load_model
from mean_model.errors import CheckpointError, ConfigError, MeanModelError
from mean_model.losses import Losses
from tests.helpers import ROOT
from tests.helpers.training import CONFIGS, SMALL, STEADY, alike
from train_scripts import train as entry
from train_scripts.data.simulator.make_dataset import Size, make_sues200, make_university1652
from train_scripts.errors import BadPicture, BadRequest, MissingPart, WrongFolder
from train_scripts.training import places
from train_scripts.training.checkpoint import PlacesRun, begin_run
from train_scripts.training.distributed import Processes
from train_scripts.training.logging import curves_of
from train_scripts.training.method_config import MethodLosses, NetworkConfig
from train_scripts.training.neighbours import neighbours_of
from train_scripts.training.places import Stopped, run_config
from train_scripts.training.places_config import PlacesConfig


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "University-Release"
    make_university1652(root, Size(train=6, test=3, distractors=1, views=3, size_px=40))
    return root


@pytest.fixture
def config(university: Path, tmp_path: Path) -> PlacesConfig:
    return PlacesConfig(
        dataset=f"university1652:{university}", out=str(tmp_path / "run"), start="scratch", epochs=2, batch=4,
        workers=0, model=SMALL, tensorboard=False, evaluate_every=0,
    )  # fmt: skip


def written(config: PlacesConfig) -> dict[str, object]:
    return torch.load(Path(config.out) / "last.pt", weights_only=True)  # type: ignore[no-any-return]


def breaking_at(monkeypatch: pytest.MonkeyPatch, batch: int, what: Callable[[], None]) -> None:
    """Let something happen before the losses of the n-th batch (0-based) are computed."""
    real, count = places.losses_of, iter(range(10**6))

    def losses_of(*arguments: object) -> Losses:
        if next(count) == batch:
            what()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(places, "losses_of", losses_of)


def power_cut() -> None:
    raise RuntimeError("power cut")


def ask_all_to_end() -> None:
    """End a run as torchrun, a queue of jobs or Ctrl-C do: the loader's workers are asked, too."""
    for process in (*active_children(), current_process()):
        assert process.pid
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.3)  # a worker that died of it would be noticed


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(
    config: PlacesConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, ema=0.9, save_every_steps=2, evaluate_every=2, learning_rate=3e-3, weather=("fog", "dark"))
    whole = replace(config, out=str(tmp_path / "whole"))
    run_config(whole)
    expected = written(whole)
    with monkeypatch.context() as patch:  # at the last batch of the first epoch: the last checkpoint is older
        breaking_at(patch, 3, power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            run_config(config)
    assert written(config)["batch"] == 2
    with monkeypatch.context() as patch:  # asked politely in the second epoch: this batch is finished and kept
        breaking_at(patch, 3, ask_all_to_end)
        with pytest.raises(Stopped, match="Stopped after batch 2 of epoch 2"):
            run_config(replace(config, workers=2))
        assert not active_children()
    torch.rand(5)  # whatever happened in between
    with monkeypatch.context() as patch:  # while the last epoch is tested
        patch.setattr(places, "evaluate_on", lambda *_: power_cut())
        with pytest.raises(RuntimeError, match="power cut"):
            run_config(config)
    run_config(config)
    assert expected["step"] == 8 and len(expected["history"]) == 2  # type: ignore[arg-type]
    for state in (expected, resumed := written(config)):
        state["config"].pop("out")  # type: ignore[attr-defined]
    alike(expected, resumed)
    assert (Path(whole.out) / "last" / "model.safetensors").read_bytes() == (
        Path(config.out) / "last" / "model.safetensors"
    ).read_bytes()


@pytest.mark.slow
@pytest.mark.process
def test_two_processes_lose_as_one(config: PlacesConfig, tmp_path: Path) -> None:
    """InfoNCE over the pairs of both, shared batch normalisation, and gradients that agree: two epochs long."""
    toml = tmp_path / "config.toml"
    toml.write_text(
        f'dataset = "{config.dataset}"\nout = "{tmp_path / "two"}"\nstart = "scratch"\nepochs = 2\nbatch = 4\n'
        'workers = 0\ntensorboard = false\ndirections = ["drone-to-satellite"]\naccumulate = 2\n'
        '[model]\nbackbone = "convnext_atto"\nimage_size = 32\nembedding_channels = 16\naligned_channels = 16\n'
        "dec_dropout = 0\ndeg_dropout = 0\nde_dropout = 0\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    done = subprocess.Popen(
        [*command, "-m", "train_scripts.train", str(toml)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stderr=subprocess.PIPE,
        text=True,
    )
    alone = replace(
        config, out=str(tmp_path / "one"), model=STEADY, accumulate=2, evaluate_every=1,
        directions=("drone-to-satellite",),
    )  # fmt: skip
    run_config(alone)
    _, said = done.communicate(timeout=200)
    assert done.returncode == 0, said[-2000:]
    one, two = (json.loads((tmp_path / name / "history.json").read_text()) for name in ("one", "two"))
    for mine, theirs in zip(one, two, strict=True):
        assert theirs["losses"] == pytest.approx(mine["losses"], rel=2e-4)
        assert theirs["results"]["University-1652"][0]["recall"] == mine["results"]["University-1652"][0]["recall"]
    assert one[1]["losses"]["total"] < one[0]["losses"]["total"]


@pytest.mark.slow
def test_it_overfits_a_tiny_set_and_what_it_keeps_can_be_loaded(
    config: PlacesConfig, university: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"  # tested on what it was trained with
    for view in ("drone", "satellite"):
        for part in ("query", "gallery"):
            (seen / "test").mkdir(parents=True, exist_ok=True)
            (seen / "test" / f"{part}_{view}").symlink_to(university / "train" / view)
    run = run_config(
        replace(
            config,
            test=f"university1652:{seen}",
            evaluate_every=12,
            epochs=12,
            batch=6,
            augment=False,
            model=STEADY,
            learning_rate=2e-3,
        )
    )
    first, last = run.history[0]["losses"], run.history[-1]["losses"]
    assert last["info_nce"] < 0.6 * first["info_nce"] and last["alignment"] < first["alignment"]
    (results,) = run.history[-1]["results"].values()
    assert [(one["direction"], one["protocol"]) for one in results] == [
        ("drone-to-satellite", "paper"),
        ("drone-to-satellite", "full"),
        ("satellite-to-drone", "paper"),
        ("satellite-to-drone", "full"),
    ]
    assert results[0]["recall"]["1"] > 90 and results[0]["queries"] == 18
    for kept in ("best", "last"):
        with load_model(Path(config.out) / kept) as embedder:
            assert embedder.config.classes == 6 and embedder.dimension == 320
    assert json.loads((Path(config.out) / "settings.json").read_text())["epochs"] == 12


@pytest.mark.slow
def test_across_domains_one_test_for_each_height(config: PlacesConfig, tmp_path: Path) -> None:
    make_sues200(tmp_path / "SUES", Size(train=2, test=2, distractors=0, views=1, size_px=32))
    damaged = sorted((tmp_path / "SUES" / "drone_view_512").glob("*/300/*.jpg"))[0]
    damaged.write_bytes(b"no picture")
    config = replace(
        config, test=f"sues200:{tmp_path / 'SUES'}", test_heights=(150, 300), evaluate_every=1, epochs=1, batch=6,
        directions=("satellite-to-drone",), unreadable="skip",
    )  # fmt: skip
    run = run_config(config)
    results = run.history[0]["results"]
    assert list(results) == ["SUES-200, 150 m", "SUES-200, 300 m"]
    for of in results.values():
        assert [one["protocol"] for one in of] == ["paper", "full"]
    low, high = (of[1]["gallery"] for of in results.values())
    assert (low, high) == (4, 3)


def test_a_loss_that_is_not_finite_stops_with_the_batch_named(
    config: PlacesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = places.losses_of

    def broken(*arguments: object) -> Losses:
        losses = real(*arguments)  # type: ignore[arg-type]
        return replace(losses, total=losses.total * float("nan"))

    monkeypatch.setattr(places, "losses_of", broken)
    with pytest.raises(MeanModelError, match=r"not finite in batch 1 of epoch 1.*drone/000\d/image-0\d.jpeg"):
        run_config(config)


# --- what users get wrong --------------------------------------------------------------------------------------------


def test_the_command_line_says_one_sentence(config: PlacesConfig, tmp_path: Path, refused: Callable[..., str]) -> None:
    toml = str(CONFIGS / "university1652.toml")
    for arguments in (
        [toml, f"dataset=university1652:{tmp_path / 'nowhere'}"],
        [toml, "dataset=universty:x"],
        [toml, "batch=two"],
        [str(tmp_path / "no.toml")],
        [toml, f"dataset={config.dataset}", f"out={tmp_path / 'o'}", "start=scratch", "model.backbone=convnext_atto"],
        [toml, f"dataset={config.dataset}", "weather=['hail']"],
    ):
        (said,) = refused(entry.main, *arguments).strip().splitlines()
        assert "error: " in said and str(tmp_path) not in said, said


def test_a_checkpoint_of_another_run_is_refused(config: PlacesConfig, tmp_path: Path) -> None:
    config = replace(config, epochs=1, batch=6, model=replace(STEADY, classes=6))
    run_config(config)
    for change, message in (
        (replace(config, learning_rate=2e-3), r"another learning_rate \(0.001 there, 0.002 now\)"),
        (replace(config, model=replace(STEADY, image_size=64)), r"another model.image_size \(32 there, 64 now\)"),
        (replace(config, model=replace(STEADY, backbone="convnext_pico")), "another model.backbone"),
    ):
        with pytest.raises(CheckpointError, match=message):
            run_config(change)
    for content in (b"", b"nothing of the kind" * 9):
        (Path(config.out) / "last.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"last.pt is .*remove it to begin anew"):
            run_config(config)


def test_too_few_places_and_a_wrong_folder_are_named(config: PlacesConfig, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="at most 6"):
        run_config(replace(config, batch=7))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongFolder):
        run_config(replace(config, dataset=f"university1652:{tmp_path / 'empty'}"))


def test_half_a_dataset_is_found_before_an_epoch_is_spent(
    config: PlacesConfig, university: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    half = tmp_path / "half"
    shutil.copytree(university, half)
    config = replace(config, dataset=f"university1652:{half}", evaluate_every=1, epochs=1, batch=2)
    shutil.rmtree(half / "test" / "gallery_satellite")
    with pytest.raises(MissingPart, match="no satellite picture in the gallery"):
        run_config(config)
    assert not Path(config.out).exists()
    first, *_ = sorted((half / "train" / "satellite").iterdir())
    shutil.rmtree(first)
    assert run_config(replace(config, evaluate_every=0)).step == 7
    assert f"1 training places lack one of the views and are left out: {first.name}" in caplog.text
    shutil.rmtree(half / "train" / "satellite")
    with pytest.raises(MissingPart, match="no training place with a drone and a satellite picture"):
        run_config(replace(config, evaluate_every=0, out=str(tmp_path / "other")))


def test_a_picture_that_a_worker_cannot_read_is_one_sentence(
    config: PlacesConfig, university: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(university, tmp_path / "bad")
    damaged = sorted((tmp_path / "bad" / "train" / "drone").glob("*/*"))[0]
    damaged.write_bytes(b"no picture")
    config = replace(config, dataset=f"university1652:{tmp_path / 'bad'}", workers=2, epochs=1, batch=6)
    with pytest.raises(BadPicture) as stopped:
        run_config(config)
    assert damaged.name in str(stopped.value) and "\n" not in str(stopped.value)
    shutil.copy(sorted((university / "train" / "drone").glob("*/*"))[0], damaged)
    for test in (tmp_path / "bad" / "test" / "gallery_satellite").glob("*/*"):
        test.write_bytes(b"no picture")
        break
    config = replace(config, workers=0, evaluate_every=1)
    with pytest.raises(BadPicture, match='set unreadable = "skip"'):
        run_config(config)
    assert run_config(replace(config, unreadable="skip")).history[0]["results"]  # the epoch is not trained again


def test_where_nothing_can_be_written_is_said(config: PlacesConfig, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="out is file, which can be no folder"):
        run_config(replace(config, out=str(tmp_path / "file")))


def test_without_tensorboard_there_are_no_curves(config: PlacesConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = begin_run(replace(config, tensorboard=True), Processes(torch.device("cpu")))
    assert curves_of(run) is None


def test_curves_are_written(config: PlacesConfig) -> None:
    pytest.importorskip("tensorboard")
    run_config(replace(config, epochs=1, tensorboard=True))
    assert list((Path(config.out) / "tensorboard").glob("events.*"))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_and_float16_is_scaled(config: PlacesConfig, precision: str) -> None:
    run: PlacesRun = run_config(replace(config, epochs=1, batch=6, precision=precision))  # type: ignore[arg-type]
    assert run.step == 3 and run.scaler.is_enabled() == (precision == "float16")
    assert all(torch.isfinite(parameter).all() for parameter in run.network.parameters())


@pytest.mark.slow
def test_neighbours_of_an_epoch_survive_a_kill(
    config: PlacesConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By similarity they are told by the network at the epoch's start, which is another one when the run goes on."""
    config = replace(
        config, method="lpn", network=NetworkConfig("convnext_atto", 32, 1, 16), losses=MethodLosses(instance=1.0),
        sampling="similarity", neighbours=2, learning_rate=1e-2, save_every_steps=1, epochs=1, batch=3, augment=False,
    )  # fmt: skip
    whole = replace(config, out=str(tmp_path / "whole"))
    run_config(whole)
    with monkeypatch.context() as patch:
        real, count = places.method_losses, iter(range(9))

        def breaking(*arguments: object) -> object:
            if next(count) == 2:
                power_cut()
            return real(*arguments)  # type: ignore[arg-type]

        patch.setattr(places, "method_losses", breaking)
        with pytest.raises(RuntimeError, match="power cut"):
            run_config(config)
    run = run_config(config)
    for state in (expected := written(whole), resumed := written(config)):
        state["config"].pop("out")  # type: ignore[attr-defined]
    alike(expected, resumed)
    assert expected["neighbours"].shape == (6, 5)  # type: ignore[attr-defined]
    run.config = replace(config, sampling="gps")
    data, _ = places.datasets_of(config)
    assert neighbours_of(run, data).shape == (6, 5)
    lost = replace(data, train=tuple(replace(one, position=None) for one in data.train))
    with pytest.raises(MissingPart, match='6 training places have no position, which sampling = "gps" needs'):
        neighbours_of(run, lost)
