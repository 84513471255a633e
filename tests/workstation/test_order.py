"""A job counts GPUs as Slurm does: by their place on the bus."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from podium.workstation import daemons
from podium.workstation.machine import Gpu, this_machine
from tests.needs import have


@pytest.mark.slow
def test_a_job_on_gpus_of_several_kinds(tmp_path: Path) -> None:
    have("slurmctld", *daemons.PACKAGES.split())
    gpus = []
    for number, memory in enumerate((8, 80)):
        device = tmp_path / f"gpu{number}"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        gpus.append(Gpu(name="made", memory=memory, device=device))
    place, output = daemons.place_of(tmp_path / "a folder" / "state"), tmp_path / "output"
    try:
        daemons.up(place, this_machine().model_copy(update={"gpus": tuple(gpus)}))
        asked = ("--wait", "--export=NIL", f"--output={output}", "--gres=gpu:1", "--wrap=env")
        daemons.slurm(place, "sbatch", *asked)
        assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in output.read_text().splitlines()
        assert daemons.up(place, this_machine().model_copy(update={"gpus": tuple(gpus)})) == []
    finally:
        daemons.down(place, force=True)
        shutil.rmtree(place.run)
