"""Decoding processes: the same images and reasons as without them, and none is left behind."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.data.importing import decoding, helpers, import_images
from podium.data.importing.helpers import Helpers
from tests.data.corpus import corpus
from tests.data.engine_made import Made, alike, bad_ones, listing, options
from tests.data.made import noise, png, write
from tests.data.test_corpus import run

IMAGE_FAULTS = [fault for fault in corpus() if fault.outcome in ("bad", "imported") and not fault.other_user]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Every image that Pillow decodes goes to a process, from the first one on."""

    def started(count):
        made = Helpers(count)
        made.count(1)
        return made

    monkeypatch.setattr(decoding, "Helpers", started)
    monkeypatch.setattr(helpers, "ENOUGH", 0)
    monkeypatch.setattr(helpers, "_FEW", 1)
    monkeypatch.setattr(decoding, "_CORES", 2)
    monkeypatch.setattr(decoding, "_BLOCK_ROWS", 16)


@pytest.fixture
def two():
    made = Helpers(2)
    made.count(1)
    yield made
    made.close()


@pytest.mark.slow
def test_an_import_is_the_same_with_and_without_processes(tmp_path, monkeypatch):
    images = bad_ones(alike(60))
    asked = []
    ask = helpers._ask
    monkeypatch.setattr(helpers, "_ask", lambda *given: asked.append(len(given[1])) or ask(*given))
    found = import_images(listing(Made(images)), options(on_bad="skip"), tmp_path / "one")
    assert sum(asked) > 50
    monkeypatch.setattr(decoding, "_CORES", 1)
    assert import_images(listing(Made(images)), options(on_bad="skip"), tmp_path / "other") == found
    assert (tmp_path / "one" / "excluded.tsv").read_bytes() == (tmp_path / "other" / "excluded.tsv").read_bytes()


def test_no_process_is_started_for_few_images(monkeypatch):
    monkeypatch.setattr(helpers, "ENOUGH", 100)
    two = Helpers(2)
    two.count(60)
    assert two.decode(noise(60), (8, 8), "crop") == {}
    two.count(60)
    assert len(two.decode(noise(60), (8, 8), "crop")) == 60
    two.close()
    alone = Helpers(1)
    alone.count(1000)
    assert alone.decode(noise(60), (8, 8), "crop") == {}


@pytest.mark.slow
def test_large_images_and_what_is_no_file_are_left_to_the_caller(two):
    buffer = io.BytesIO()
    Image.new("RGB", (1500, 1400)).save(buffer, "PNG")
    rows = [png(np.zeros((4, 4, 3), np.uint8)), buffer.getvalue(), np.zeros((4, 4, 3), np.uint8), b"no image"]
    found = two.decode(rows, (4, 4), "crop")
    assert list(found) == [0, 3]
    assert "no image of a known format" in found[3]


@pytest.mark.slow
def test_an_image_of_another_size_is_known_by_its_size(two):
    found = two.decode([png(np.zeros((5, 7, 3), np.uint8))], (4, 4), None)
    assert found[0][0].shape == (5, 7, 3)


@pytest.mark.slow
def test_a_process_that_ends_is_told_of_and_its_images_are_decoded(tmp_path, monkeypatch, caplog):
    images = alike(60)
    start = helpers._start

    def start_a_dead_one():
        process = start()
        process.kill()
        process.wait()
        return process

    wanted = import_images(listing(Made(images)), options(), tmp_path / "one")
    monkeypatch.setattr(helpers, "_start", start_a_dead_one)
    assert import_images(listing(Made(images)), options(), tmp_path / "two") == wanted
    assert caplog.text.count("a decoding process ended (status -9)") == 2


SCRIPT = """
import sys, time
from pathlib import Path
from podium.data.importing import ImportOptions, decoding, helpers, import_images
from podium.data.sources import list_parquet
decoding._BLOCK_ROWS, decoding._CORES, helpers.ENOUGH = 20, 2, 0
start = helpers._start
def tell_start():
    process = start()
    print("process", process.pid, flush=True)
    return process
helpers._start = tell_start
def tell(phase, done, total):
    print(phase, done, flush=True)
    time.sleep(0.2)
import_images(list_parquet([Path(sys.argv[1])]), ImportOptions(name="made"), Path(sys.argv[2]), tell)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_is_left_of_an_import_that_is_stopped(tmp_path, number):
    file = write(tmp_path / "train.parquet", noise(2000))
    command = [sys.executable, "-c", SCRIPT, str(file), str(tmp_path / "data")]
    pids = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout:
            if line.startswith("process"):
                pids.append(int(line.split()[1]))
            if line.startswith("decoding images 100"):
                process.send_signal(number)
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("fault", IMAGE_FAULTS, ids=[f"{fault.source}: {fault.kind}" for fault in IMAGE_FAULTS])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_fault_has_the_documented_outcome_in_processes_too(fault, tmp_path):
    run(fault, tmp_path)
