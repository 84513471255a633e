"""MLflow's own server answers for the champion, as ``podium predict`` does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from podium.registry import promotion
from tests.ports import free_port
from tests.product.workspace import BIN
from tests.registry.support import EXAMPLES, House

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(house: House) -> dict[str, str]:
    """Of processes that use the small registry."""
    root = {"PODIUM_ROOT": str(house.folder), "PODIUM_STATE": str(house.settings.state)}
    offline = {"MLFLOW_TRACKING_URI": house.settings.tracking_uri, "OMP_NUM_THREADS": "1"}
    found = os.pathsep.join([str(BIN), os.environ["PATH"]])  # MLflow asks a shell for its server
    return {**os.environ, **root, **offline, "PATH": found}


@pytest.fixture
def served(house: House, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of ``mlflow models serve`` on the champion."""
    review = house.open(0)
    promotion.approve(house.settings, review.id, reason="tests", actor="grace@lab", client=house.client)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/podium@champion"]
    log = tmp_path / "served.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 240
        while not _answers(address):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
        server.wait(60)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/ping", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_it_gives_the_predictions_of_podium_predict(served: str, environment: dict[str, str], tmp_path: Path) -> None:
    answer = requests.post(f"{served}/invocations", json={"inputs": EXAMPLES[:3].tolist()}, timeout=60)
    assert answer.status_code == 200, answer.text
    files = []
    for number, image in enumerate(EXAMPLES[:3]):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(files[-1])
    printed = subprocess.run(
        [BIN / "podium", "predict", *files, "--json"], env=environment, capture_output=True, text=True, check=True
    )
    ours = json.loads(printed.stdout)["predictions"]
    theirs = answer.json()["predictions"]
    assert [one["class"] for one in theirs] == [one["class"] for one in ours]
    for one, other in zip(theirs, ours, strict=True):
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


def test_what_is_no_image_is_refused(served: str) -> None:
    answer = requests.post(f"{served}/invocations", json={"inputs": EXAMPLES[:1, :8].tolist()}, timeout=60)
    assert answer.status_code == 400, answer.text
