"""What ``podium doctor`` finds, and that it changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from podium.cli import build_app
from podium.data import write_dataset
from podium.doctor import checkout, machine
from podium.doctor.checks import CHECKS, examine
from podium.doctor.finding import Finding
from podium.settings import Settings
from tests.conftest import ROOT, make_arrays


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "configs", root / "configs")
    shutil.copy(ROOT / "requirements.lock", root)
    for name in ("ZENML_STORE_URL", "ZENML_CONFIG_PATH", "PODIUM_STATE", "PODIUM_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PODIUM_ROOT", str(root))
    return Settings.from_environment()


def put(settings: Settings) -> str:
    splits = {s: make_arrays(n, side=8, seed=n) for s, n in (("train", 9), ("validation", 3), ("test", 4))}
    names = ("left", "middle", "right")
    return write_dataset(settings.data, splits, name="t", class_names=names, source="made", licence="CC0-1.0").digest


def record(settings: Settings, digest: str) -> None:
    text = f"outs:\n- md5: 0.dir\n  path: data\nmeta:\n  podium:\n    digest: {digest}\n"
    (settings.root / "data.dvc").write_text(text)


@pytest.mark.slow
def test_a_fresh_checkout_has_no_error_and_stays_as_it_is(settings: Settings) -> None:
    before = sorted(settings.root.rglob("*"))
    found = dict(examine(settings))
    assert list(found) == list(CHECKS)
    assert {name for name, one in found.items() if one.status == "error"} == set()
    skipped = {name for name, one in found.items() if one.status == "skipped"}
    assert skipped >= {"clock", "decisions", "registry", "stack"}
    assert sorted(settings.root.rglob("*")) == before


def test_a_missing_compiler_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.kernels.why_not", lambda: "there is no C compiler")
    found = machine.kernels(settings)
    assert found.status == "warning"
    assert "there is no C compiler" in found.told
    assert "gcc" in found.remedy
    monkeypatch.setattr("podium.kernels.why_not", lambda: None)
    assert machine.kernels(settings).status == "ok"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert machine.kernels(settings).status == "skipped"


@pytest.mark.slow
def test_every_finding_that_is_not_well_says_what_to_do(settings: Settings) -> None:
    assert all(one.remedy for _, one in examine(settings) if one.status in {"warning", "error"})


@pytest.mark.slow
def test_packages_are_compared_with_the_lock(settings: Settings) -> None:
    lock = settings.root / "requirements.lock"
    assert machine.packages(settings).status == "ok"
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:0\nno-such-package==1.0 \\\n    --hash=sha256:0\n")
    found = machine.packages(settings)
    assert found.status == "warning"
    assert "2 packages not as locked: numpy " in found.told
    assert "instead of 0.1, no-such-package is missing" in found.told


@pytest.mark.parametrize(("free", "status"), [(0.5, "error"), (3, "warning"), (50, "ok")])
def test_room_on_the_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    usage = shutil.disk_usage(settings.root)._replace(free=int(free * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert machine.disk(settings).status == status


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, str]]]:
    """A server and the headers that it answers with."""
    headers = {"Date": "Sun, 22 Nov 2020 00:00:00 GMT"}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(401)
            for name, value in headers.items():
                self.send_header(name, value or self.date_time_string())
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://ada:secret@127.0.0.1:{made.server_port}", headers
        made.shutdown()


def test_the_clock_is_compared_with_the_servers(
    settings: Settings, server: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, headers = server
    folder = settings.state / "zenml"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"store:\n  type: rest\n  url: {url.replace('ada:secret@', '')}\n")
    found = machine.clock(settings)
    assert found.status == "warning"
    assert "s off that of http://127.0.0.1" in found.told
    headers["Date"] = ""
    assert machine.clock(settings).status == "ok"
    (folder / "config.yaml").write_text("store:\n  type: rest\n  url: http://127.0.0.1:9/\n")
    assert machine.clock(settings).status == "error"


def test_no_password_is_told(settings: Settings) -> None:
    found = machine.clock(settings.model_copy(update={"tracking_uri": "http://ada:secret@127.0.0.1:9"}))
    assert found.status == "error"
    assert "secret" not in found.model_dump_json()


def test_the_data_set_is_compared_with_its_record_and_its_manifest(settings: Settings) -> None:
    digest = put(settings)
    assert checkout.data(settings).status == "ok"
    record(settings, digest)
    assert checkout.data(settings).status == "ok"
    record(settings, "another")
    found = checkout.data(settings)
    assert (found.status, "data.dvc records another" in found.told) == ("warning", True)
    record(settings, digest)
    images = settings.data / "train.images.npy"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.chmod(0o644)
    images.write_bytes(content)
    assert checkout.data(settings).status == "error"


@pytest.mark.slow
def test_a_refused_file_is_told_with_its_remedy(settings: Settings) -> None:
    (settings.root / "configs" / "promotion.yaml").write_text("florrs: {}\n")
    found = dict(examine(settings))["configuration"]
    assert found.status == "error"
    assert "florrs" in found.told
    assert "floors" in found.remedy


def test_changes_since_the_commit(settings: Settings) -> None:
    assert checkout.git(settings).status == "warning"
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=settings.root, check=True)
    assert checkout.git(settings).status == "ok"
    (settings.root / "configs" / "desk.yaml").write_text("")
    assert "1 file changed" in checkout.git(settings).told


@pytest.mark.slow
@pytest.mark.parametrize(("status", "code"), [("error", 1), ("warning", 0)])
def test_the_command(settings: Settings, monkeypatch: pytest.MonkeyPatch, status: str, code: int) -> None:
    found = Finding.model_validate({"status": status, "told": "it is [red]so[/]", "remedy": "mend it"})
    monkeypatch.setattr("podium.doctor.checks.CHECKS", {"thing": lambda settings: found})
    shown = CliRunner().invoke(build_app(), ["doctor"])
    assert shown.exit_code == code
    assert "it is [red]so[/]" in shown.output
    assert "→ mend it" in shown.output
    parsed = json.loads(CliRunner().invoke(build_app(), ["doctor", "--json"]).output)
    assert parsed == {"thing": found.model_dump()}
