"""What is written for Slurm, and how a machine's GPUs are found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from podium.errors import PodiumError
from podium.workstation import daemons, machine
from podium.workstation.files import Place, gres_conf, slurm_conf
from podium.workstation.machine import Gpu, Machine

GPUS = tuple(Gpu(name="made", memory=memory, device=Path(f"/dev/nvidia{i}")) for i, memory in enumerate([24, 80]))
PLACE = Place(folder=Path("/s/workstation"), run=Path("/run/p"), user="ada", ports=(7001, 7002))


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_gpus_and_their_parts() -> None:
    made = Machine(name="desk", cpus=16, memory=60_000, gpus=GPUS)
    conf = parsed(slurm_conf(made, PLACE))
    assert conf["GresTypes"] == "gpu,shard"
    assert conf["NodeName"] == (
        "desk NodeAddr=127.0.0.1 Port=7002 CPUs=16 RealMemory=60000 Gres=gpu:2,shard:104 State=UNKNOWN"
    )
    assert conf["TaskProlog"] == "/s/workstation/task_prolog"
    assert conf["DefMemPerCPU"] == "3750", "who asks for no memory does not take all"
    assert gres_conf(made).splitlines() == [
        "Name=gpu File=/dev/nvidia0", "Name=gpu File=/dev/nvidia1",
        "Name=shard Count=24 File=/dev/nvidia0", "Name=shard Count=80 File=/dev/nvidia1",
    ]  # fmt: skip


def test_without_gpus() -> None:
    made = Machine(name="desk", cpus=4, memory=8000, gpus=())
    assert "Gres" not in slurm_conf(made, PLACE)
    assert "TaskProlog" not in slurm_conf(made, PLACE)
    assert gres_conf(made) == ""


def test_nobody_else_is_served() -> None:
    conf = parsed(slurm_conf(Machine(name="desk", cpus=4, memory=8000, gpus=()), PLACE))
    assert conf["SlurmctldHost"] == "desk(127.0.0.1)"
    assert conf["CommunicationParameters"] == "NoCtldInAddrAny,NoInAddrAny", "daemons listen on this machine alone"
    assert (conf["SlurmUser"], conf["SlurmdUser"]) == ("ada", "ada")


def test_ports_and_folders_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    deep = tmp_path / ("a" * 60)
    first = daemons.place_of(deep)
    assert daemons.place_of(deep) == first
    assert len(str(first.run)) <= 60, "a socket's path is limited to 107 bytes"
    assert daemons.place_of(tmp_path / ("b" * 60)).run != first.run
    monkeypatch.chdir(tmp_path)
    assert daemons.place_of(Path("s")).run == Path("s/workstation/run"), "where that is short enough"


class TestDriver:
    def found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> tuple[Gpu, ...]:
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        return machine._gpus(Path("/dev"), tmp_path / "driver")

    def test_devices_are_those_that_the_driver_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for bus, minor in (("0000:17:00.0", 1), ("0000:65:00.0", 0)):
            folder = tmp_path / "driver" / bus
            folder.mkdir(parents=True)
            (folder / "information").write_text(f"Model: made\nDevice Minor: \t {minor}\n")
        told = "0, 00000000:17:00.0, 24564, NVIDIA RTX 4090\\n1, 00000000:65:00.0, 81559, NVIDIA H100, 80GB HBM3\\n"
        assert self.found(tmp_path, monkeypatch, f"printf '{told}'") == (
            Gpu(name="NVIDIA RTX 4090", memory=23, device=Path("/dev/nvidia1")),
            Gpu(name="NVIDIA H100, 80GB HBM3", memory=79, device=Path("/dev/nvidia0")),
        )

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("echo 'has failed because it could not communicate with the driver'; exit 9", "not communicate"),
            ("echo 0, x", "0, x"),
        ],
    )  # fmt: skip
    def test_a_driver_that_does_not_answer(
        self, script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(PodiumError, match=told) as raised:
            self.found(tmp_path, monkeypatch, script)
        assert "nvidia-smi" in raised.value.remedy

    def test_no_driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert machine._gpus() == ()


def test_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "_which", lambda name: None)
    with pytest.raises(PodiumError, match="there is no munged on this machine") as raised:
        daemons.up(PLACE.model_copy(update={"folder": tmp_path, "run": tmp_path / "run"}), machine.this_machine())
    assert "apt-get install slurmctld slurmd" in raised.value.remedy


def test_somebody_elses_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "_which", lambda name: name)
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(PodiumError, match="is somebody else's"):
        daemons.up(PLACE.model_copy(update={"folder": tmp_path / "w", "run": tmp_path / "run"}), machine.this_machine())
