"""Imports that were interrupted, killed or ran out of disk."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podium.data.importing import decoding, import_images
from podium.digest import digest_directory
from tests.data.engine_made import Made, alike, bad_ones, listing, options
from tests.data.made import noise, write


def test_an_interrupted_import_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_BLOCK_ROWS", 5)
    images = bad_ones(alike(60))
    whole = import_images(listing(Made(images)), options(on_bad="skip"), tmp_path / "whole")
    part = Made(images, fails_at=40)
    with pytest.raises(KeyboardInterrupt):
        import_images(listing(part), options(on_bad="skip"), tmp_path / "data")
    part.fails_at, part.read = None, 0
    assert import_images(listing(part), options(on_bad="skip"), tmp_path / "data") == whole
    assert 20 <= part.read < 60
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "whole"]


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["zeros", "cut", "journal", "half a line", "size"])
def test_what_is_left_over_is_used_only_if_it_is_intact(tmp_path, monkeypatch, harm):
    monkeypatch.setattr(decoding, "_BLOCK_ROWS", 5)
    images = noise(60)
    whole = import_images(listing(Made(images)), options(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        import_images(listing(Made(images, fails_at=40)), options(), tmp_path / "data")
    pixels, journal = (tmp_path / ".data.work" / name for name in ("pixels", "journal.jsonl"))
    content = pixels.read_bytes()
    if harm == "zeros":
        pixels.write_bytes(content[:-50] + bytes(50))
    elif harm == "cut":
        pixels.write_bytes(content[:-50])
    elif harm == "journal":
        journal.write_bytes(journal.read_bytes().replace(b'"key": "', b'"key": "0'))
    elif harm == "half a line":
        journal.write_bytes(journal.read_bytes()[:-9])
        pixels.write_bytes(content + b"more")
    chosen = options(size=(6, 6)) if harm == "size" else options()
    part = Made(images)
    again = import_images(listing(part), chosen, tmp_path / "data")
    assert again == whole
    assert (part.read < 60) == (harm == "half a line")


SCRIPT = """
import sys, time
from pathlib import Path
from podium.data.importing import ImportOptions, decoding, import_images, install
from podium.data.sources import list_parquet
decoding._BLOCK_ROWS = 20
def tell(phase, done, total):
    print(phase, done, flush=True)
    time.sleep(float(sys.argv[3]))
listing = list_parquet([Path(sys.argv[1])])
run = lambda folder: import_images(listing, ImportOptions(name="made"), folder, tell)
install(Path(sys.argv[2]), run, name="made")
"""


def start(file: Path, target: Path, pause: float) -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(file), str(target), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [False, True])
def test_a_killed_import_goes_on_to_the_same_bytes_and_a_changed_source_starts_afresh(tmp_path, changed):
    file = write(tmp_path / "train.parquet", noise(400))
    with start(file, tmp_path / "data", 0.2) as process:
        for line in process.stdout:
            if line.startswith("decoding images 60"):
                process.send_signal(signal.SIGKILL)
    assert [p.name for p in (tmp_path / ".data.import").iterdir()] == [".data.work"]
    if changed:
        time.sleep(0.01)
        write(file, noise(400, seed=1))
    with start(file, tmp_path / "data", 0) as process:
        lines = process.stdout.read().splitlines()
        assert process.wait() == 0
    assert (lines[0] == "decoding images 0") == changed
    with start(file, tmp_path / "whole", 0) as process:
        process.stdout.read()
    assert digest_directory(tmp_path / "data") == digest_directory(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "train.parquet", "whole"]


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_nothing_is_left(tmp_path):
    file = write(tmp_path / "train.parquet", noise(2000))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    command = [sys.executable, "-c", limit + SCRIPT, str(file), str(tmp_path / "data"), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "data: the data set cannot be written (File too large)" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["train.parquet"]
