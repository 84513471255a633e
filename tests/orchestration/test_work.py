"""Work folders: kept while a training may go on, removed when it was abandoned."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from podium.orchestration import training
from podium.orchestration.training import ABANDONED_DAYS, candidate_key, forget_work, prune_work, work_folder
from podium.settings import Settings
from tests.training.helpers import candidate


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_driver_forgets_what_a_job_trained_on_another_kind_of_device(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_STATE": str(tmp_path / "state")})
    monkeypatch.setattr(training, "default_device", lambda: torch.device(kind))
    in_the_job = work_folder(settings, candidate_key(candidate(threads=3), "d", "c", settings))
    in_the_job.mkdir(parents=True)
    monkeypatch.setattr(training, "default_device", lambda: torch.device("meta"))
    forget_work(settings, candidate(threads=3), "d", "c")
    assert not in_the_job.exists()


def test_only_abandoned_work_is_removed(tmp_path: Path) -> None:
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_STATE": str(tmp_path / "state")})
    prune_work(settings)  # where nothing was ever trained
    old = time.time() - (ABANDONED_DAYS + 1) * 86_400
    for name, times in {"abandoned": [old, old], "going-on": [old, time.time()]}.items():
        for number, at in enumerate(times):
            file = settings.work / name / f"epoch-{number}.safetensors"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"checkpoint")
            os.utime(file, (at, at))
    prune_work(settings)
    assert [folder.name for folder in settings.work.iterdir()] == ["going-on"]
    assert len(list((settings.work / "going-on").iterdir())) == 2


def test_what_another_run_does_meanwhile_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary files vanish, and so do files and whole folders that were looked at a moment ago."""
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_STATE": str(tmp_path / "state")})
    old = time.time() - (ABANDONED_DAYS + 1) * 86_400
    for name in ("abandoned", "file-vanishes", "folder-vanishes"):
        for file in (settings.work / name / "lock", settings.work / name / "finished" / "model.json"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
            os.utime(file, (old, old))
        os.utime(settings.work / name / "finished", (old, old))
    (settings.work / "abandoned" / ".checkpoint.new-1").write_text("of a killed run, and left by it")
    real = Path.rglob

    def rglob(self: Path, pattern: str) -> Iterator[Path]:
        for file in real(self, pattern):
            if self.name == "file-vanishes":
                file.unlink() if file.is_file() else None
            if self.name == "folder-vanishes":
                shutil.rmtree(self, ignore_errors=True)
            yield file

    monkeypatch.setattr(Path, "rglob", rglob)
    prune_work(settings)
    assert [folder.name for folder in settings.work.iterdir()] == ["file-vanishes"]
