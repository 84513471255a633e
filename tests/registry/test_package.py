"""A registered model says truly what it needs: an environment of its requirements alone loads it, without Podium."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.models import skeleton
from podium.registry.package import SOURCES_PATH, build_package, reference_predictions
from podium.registry.shipped import requirements, write_sources
from podium.results import TrainingSummary
from tests.needs import unavailable
from tests.product.workspace import BIN
from tests.registry.support import CONTRACT, make_bundle

TIMM = ModelConfig(family="timm", options={"weights": "test_efficientnet.r160_in1k"})
LARGER = InputContract(
    height=32, width=32, mean=(0.4,) * 3, std=(0.2,) * 3, class_names=("left", "middle", "right")
)  # fmt: skip
RECORD = """
import builtins, json, sys
found, original = set(), builtins.__import__
def record(name, *rest, **named):
    given = (rest[0] if rest else named.get("globals")) or {}
    if given.get("__name__", "").startswith("podium"):
        found.add(name.partition(".")[0])
    return original(name, *rest, **named)
builtins.__import__ = record
import podium.registry.pyfunc
print(json.dumps(sorted(found - {"podium"} - set(sys.stdlib_module_names))))
"""
LOAD = """
import json, sys, mlflow, numpy as np
from importlib.util import find_spec
assert find_spec("podium") is None, "an environment without Podium"
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(np.load(sys.argv[2]))
print(json.dumps([[float(value) for value in row] for row in answer["probabilities"]]))
"""


def names(net: torch.nn.Module) -> set[str]:
    return {line.partition("==")[0] for line in requirements(net)}


def timm_bundle(folder: Path) -> Path:
    """A network of timm's with random weights."""
    torch.manual_seed(0)
    net = skeleton(TIMM, LARGER).to_empty(device="cpu")
    state = {name: torch.rand_like(value.float()).to(value.dtype) for name, value in net.state_dict().items()}
    candidate = Candidate(name="timm", recipe=RecipeConfig(id="timm", source="made", model=TIMM))
    summary = TrainingSummary(
        candidate="timm", recipe="timm", parameters=1, trainable_parameters=1, epochs=1, best_epoch=1, history=(),
        stopped_early=False, train_seconds=1.0, images_per_second=1.0, device="cpu", threads=1, seed=0,
        resumed_from=None,
    )  # fmt: skip
    folder.mkdir()
    Bundle(candidate, LARGER, "d" * 64, state, summary).save(folder)
    return folder


@pytest.mark.slow
def test_the_requirements_are_what_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", RECORD], capture_output=True, text=True, check=True)
    imported = {"pyyaml" if name == "yaml" else name for name in json.loads(done.stdout)}
    assert names(torch.nn.Linear(1, 1)) == imported


@pytest.mark.slow
def test_a_network_of_timms_needs_timm() -> None:
    assert "timm" in names(skeleton(TIMM, LARGER))
    assert "timm" not in names(skeleton(ModelConfig(family="simple_cnn"), CONTRACT))


def test_a_builds_own_label_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.registry.shipped.version", lambda _: "2.15.0+cpu")
    assert "torch==2.15.0" in requirements(torch.nn.Linear(1, 1))


def test_the_modules_are_sources_alone_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_sources(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        held = archive.namelist()
    assert {"podium/__init__.py", "podium/registry/pyfunc.py", "podium/training/predict.py"} <= set(held)
    assert all(name.startswith("podium/") and name.endswith(".py") for name in held)
    assert not [name for name in held if name.startswith(("podium/cli", "podium/desk"))]


@pytest.mark.slow
def test_an_environment_of_its_requirements_loads_it(tmp_path: Path) -> None:
    """As MLflow makes one: nothing but ``requirements.txt`` of the package."""
    images = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    bundle, package = timm_bundle(tmp_path / "bundle"), tmp_path / "package"
    build_package(bundle, package, images)
    np.save(tmp_path / "images.npy", images)
    python = tmp_path / "environment" / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([BIN / "uv", "venv", "-q", "--python", sys.executable, python.parent.parent], check=True)
    made = subprocess.run(
        [BIN / "uv", "pip", "install", "-q", "--python", python, "-r", package / "requirements.txt"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        unavailable(f"the packages of a registered model cannot be installed: {made.stderr[-500:]}")
    done = subprocess.run(
        [python, "-I", "-c", LOAD, package, tmp_path / "images.npy"],
        env=environment | {"OMP_NUM_THREADS": "1"}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.array(json.loads(done.stdout.splitlines()[-1]), dtype=np.float32)
    np.testing.assert_allclose(found, reference_predictions(bundle, images), atol=1e-5)


def test_the_package_holds_the_modules(tmp_path: Path) -> None:
    build_package(make_bundle(tmp_path / "bundle"), tmp_path / "package", np.zeros((1, 16, 16, 3), np.uint8))
    assert zipfile.is_zipfile(tmp_path / "package" / SOURCES_PATH)
