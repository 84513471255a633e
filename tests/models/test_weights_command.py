"""``podium weights fetch``, ``list`` and ``verify``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import Result
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from podium.cli.weights import app
from podium.digest import digest_file
from podium.errors import WeightsError
from podium.models.hub import fetch
from podium.models.weights import Provenance

from .helpers import NAME as OWN
from .helpers import write_weights
from .hub_server import ARCHITECTURE, COMMIT, NAME, REPOSITORY, Hub, as_safetensors, published, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving({"model.safetensors": as_safetensors(published())}, monkeypatch, tmp_path / "cache") as hub:
        yield hub


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of timm's networks and one of ours."""
    folder = tmp_path_factory.mktemp("fetched")
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        with serving({"model.safetensors": as_safetensors(published())}, patch, cache):
            fetch(NAME, folder)
    write_weights(folder, "own", depth=8, width=4)
    return folder


@pytest.fixture
def folder(fetched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(fetched, tmp_path / "weights")


def call(*words: str, state: Path, user: Path | None = None) -> Result:
    environment = {"COLUMNS": "80", "PODIUM_STATE": str(state), "PODIUM_WEIGHTS": str(user or "")}
    return CliRunner().invoke(app, list(words), env=environment)


def problems(folder: Path, state: Path) -> dict[str, str]:
    result = call("verify", str(folder), "--json", state=state)
    document = json.loads(result.output)
    found = {Path(row["file"]).name: "; ".join(row["problems"]) for row in document["files"] if row["problems"]}
    assert document["passed"] == (not found)
    assert result.exit_code == bool(found)
    return found


def change(file: Path, **fields: object) -> None:
    """A field of the provenance, and the digest with it."""
    digest = {"sha256": digest_file(file.with_suffix(".safetensors"))}
    file.write_text(json.dumps(json.loads(file.read_text()) | digest | fields))


class TestFetch:
    @pytest.mark.slow
    def test_one_line_for_each_with_the_licence(self, hub: Hub, tmp_path: Path) -> None:
        result = call("fetch", NAME, state=tmp_path / "state")
        assert result.exit_code == 0, result.output
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(NAME))
        file = tmp_path / "state" / "weights" / f"{NAME}.safetensors"
        assert line == f"{NAME}  0.4 MB  licence: apache-2.0  {file}"
        assert file.is_file()

    @pytest.mark.slow
    def test_to_a_folder_that_can_be_copied(self, hub: Hub, tmp_path: Path) -> None:
        assert call("fetch", NAME, "--to", str(tmp_path / "usb"), state=tmp_path / "state").exit_code == 0
        rows = json.loads(call("list", "--json", state=tmp_path / "state", user=tmp_path / "usb").output)
        assert rows[0]["folder"] == str(tmp_path / "usb")
        assert rows[0]["source"] == f"hf-hub:{REPOSITORY}@{COMMIT}"

    def test_a_wrong_name_is_told_before_anything_is_fetched(self, hub: Hub, tmp_path: Path) -> None:
        result = call("fetch", NAME, f"{NAME}x", state=tmp_path / "state")
        assert isinstance(result.exception, WeightsError)
        assert not hub.asked


class TestList:
    @pytest.mark.slow
    def test_the_documented_fields(self, folder: Path, tmp_path: Path) -> None:
        rows = json.loads(call("list", "--json", state=tmp_path, user=folder).output)
        row = next(row for row in rows if row["name"] == NAME and row["place"] == "user")
        file = folder / f"{NAME}.safetensors"
        assert row == {
            "name": NAME,
            "place": "user",
            "folder": str(folder),
            "used": True,
            "bytes": file.stat().st_size,
            "licence": "apache-2.0",
            "input_size": [160, 160],
            "source_data": "ImageNet-1k (timm's tag r160_in1k)",
            "architecture": ARCHITECTURE,
            "source": f"hf-hub:{REPOSITORY}@{COMMIT}",
            "sha256": digest_file(file),
            "problem": None,
        }

    def test_places_in_order_and_what_is_shadowed(self, folder: Path, tmp_path: Path) -> None:
        user = tmp_path / "user"
        write_weights(user, OWN, depth=8)
        write_weights(user, "own", depth=8)
        (folder / f"{NAME}.json").unlink()
        rows = json.loads(call("list", "--json", state=tmp_path, user=user).output)
        assert [(row["name"], row["place"], row["used"]) for row in rows] == [
            ("own", "user", True),
            (OWN, "user", True),
            (OWN, "embedded", False),
            ("own", "fetched", False),
            (NAME, "fetched", False),
        ]
        assert "unknown origin" in rows[-1]["problem"]
        text = call("list", state=tmp_path, user=user).output
        assert text.count(", not used") == 3
        assert "160×160, ImageNet-1k" not in text
        assert "licence: CC0-1.0" in text
        assert max(map(len, text.splitlines())) <= 80


class TestVerify:
    def test_what_is_whole_passes(self, folder: Path, tmp_path: Path) -> None:
        assert problems(folder, tmp_path) == {}
        result = call("verify", state=tmp_path)
        assert result.exit_code == 0
        assert "3 files checked, 0 with problems" in result.output

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            ("byte", "its content is not what"),
            ("no provenance", "unknown origin"),
            ("broken provenance", "sha256"),
            ("another's provenance", "is about 'own'"),
            ("shape", "conv_stem.weight is (1, 3, 3, 3)"),
            ("missing tensor", "conv_stem.weight is missing"),
            ("surplus tensor", "surplus is unknown to test_efficientnet"),
            ("unknown network", "timm knows no network 'nonet'"),
            ("no safetensors", "not a readable safetensors file"),
        ],
    )
    def test_damage(self, damage: str, words: str, folder: Path, tmp_path: Path) -> None:
        file = folder / f"{NAME}.safetensors"
        harm(damage, file)
        found = problems(folder, tmp_path)
        assert list(found) == [file.name]
        assert words in found[file.name]

    def test_every_problem_is_told(self, folder: Path, tmp_path: Path) -> None:
        harm("byte", folder / f"{NAME}.safetensors")
        (folder / "own.json").unlink()
        (folder / "Thumbs.db").write_bytes(b"?")
        (folder / "alone.json").write_text("{}")
        (folder / ".w.safetensors.new-abc").write_bytes(b"half")
        shutil.copy(folder / "own.safetensors", folder / "Own.safetensors")
        found = problems(folder, tmp_path)
        assert found["Thumbs.db"] == "is not a file of weights"
        assert found["alone.json"] == "has no weights beside it"
        assert "killed" in found[".w.safetensors.new-abc"]
        assert "not a name" in found["Own.safetensors"]
        assert {f"{NAME}.safetensors", "own.safetensors"} < found.keys()
        text = call("verify", str(folder), state=tmp_path)
        assert text.exit_code == 1
        assert "6 files checked, 6 with problems" in text.output

    def test_an_empty_folder_is_no_success(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert isinstance(call("verify", str(tmp_path / "empty"), state=tmp_path).exception, WeightsError)
        assert call("verify", str(tmp_path / "nowhere"), state=tmp_path).exit_code == 2


def harm(damage: str, file: Path) -> None:
    provenance = file.with_suffix(".json")
    tensors: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
        "shape": lambda state: state.update({"conv_stem.weight": torch.ones(1, 3, 3, 3)}),
        "missing tensor": lambda state: state.pop("conv_stem.weight"),
        "surplus tensor": lambda state: state.update(surplus=torch.ones(1)),
    }
    if damage == "byte":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "no provenance":
        provenance.unlink()
    elif damage == "broken provenance":
        change(provenance, sha256=1)
    elif damage == "another's provenance":
        change(provenance, name="own")
    elif damage == "unknown network":
        change(provenance, architecture="nonet")
    elif damage == "no safetensors":
        torch.save({"x": torch.ones(1)}, file)
        change(provenance)
    else:
        state = load_file(file)
        tensors[damage](state)
        save_file(state, file)
        change(provenance)


def test_the_provenance_of_embedded_weights_needs_no_new_fields(folder: Path) -> None:
    raw = json.loads((folder / "own.json").read_text())
    assert not {"architecture", "source", "interpolation"} & raw.keys()
    assert Provenance.model_validate(raw).architecture is None


def start(endpoint: str, folder: Path, *, offline: bool = False) -> subprocess.Popen[str]:
    """``podium weights fetch`` as a user starts it, into a state folder and a cache below ``folder``."""
    environment = {
        **os.environ,
        "PODIUM_STATE": str(folder),
        "HF_HOME": str(folder / "home"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": str(int(offline)),
    }
    command = [sys.executable, "-c", "from podium.cli import main; main()", "weights", "fetch", NAME]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("offline", [False, True])
def test_the_environment_counts_and_there_is_no_traceback(offline: bool, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    process = start(endpoint, tmp_path, offline=offline)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in told
    assert ("HF_HUB_OFFLINE is set" if offline else f"{endpoint} cannot be reached") in told
    assert "podium weights fetch" in told


@pytest.mark.slow
def test_processes_that_ask_at_once_fetch_once(hub: Hub, tmp_path: Path) -> None:
    processes = [start(constants.ENDPOINT, tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len([path for method, path in hub.asked if method == "GET" and "/resolve/" in path]) == 1
    assert problems(tmp_path / "weights", tmp_path) == {}
