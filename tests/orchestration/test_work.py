"""Work folders: kept while a training may go on, removed when it was abandoned."""

from __future__ import annotations

import os
import time
from pathlib import Path

from podium.orchestration.training import ABANDONED_DAYS, prune_work
from podium.settings import Settings


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
