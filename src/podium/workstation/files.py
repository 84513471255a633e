"""Slurm's files for one node: pure functions of the machine, the user and the ports."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from podium.config.base import Frozen
from podium.workstation.machine import Machine

PARTITION: Final = "all"


class Place(Frozen):
    """Where a workstation's cluster keeps what, and where its daemons listen, on this machine alone."""

    folder: Path
    """Of configuration, state and logs; the user's alone."""
    run: Path
    """Of sockets, whose paths have to be short; the user's alone."""
    user: str
    ports: tuple[int, int]
    """Of controller and node."""

    @property
    def conf(self) -> Path:
        """``SLURM_CONF``."""
        return self.folder / "slurm.conf"

    @property
    def task_prolog(self) -> Path:
        """The program whose output Slurm puts into a job's environment."""
        return self.folder / "task_prolog"

    @property
    def socket(self) -> Path:
        """Of munge, which tells Slurm's processes whom they talk to."""
        return self.run / "munge.socket"


def slurm_conf(machine: Machine, place: Place) -> str:
    """``slurm.conf``: jobs get whole GPUs (``gpu``), or parts of one, a GiB of its memory each (``shard``)."""
    shards = sum(gpu.memory for gpu in machine.gpus)
    gres = f" Gres=gpu:{len(machine.gpus)},shard:{shards}" if machine.gpus else ""
    settings = {
        "ClusterName": "podium", "SlurmctldHost": f"{machine.name}(127.0.0.1)",
        "SlurmctldPort": place.ports[0], "SlurmUser": place.user, "SlurmdUser": place.user,
        "AuthType": "auth/munge", "AuthInfo": f"socket={place.socket}", "CryptoType": "crypto/munge",
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "StateSaveLocation": place.folder / "state", "SlurmdSpoolDir": place.run / "spool",
        "SlurmctldLogFile": place.folder / "slurmctld.log", "SlurmdLogFile": place.folder / "slurmd.log",
        "SlurmctldPidFile": place.folder / "slurmctld.pid", "SlurmdPidFile": place.folder / "slurmd.pid",
        "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none", "SwitchType": "switch/none",
        "JobAcctGatherType": "jobacct_gather/linux", "JobAcctGatherFrequency": 5,
        "JobAcctGatherParams": "OverMemoryKill",
        "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_Core_Memory",
        "SlurmdParameters": "config_overrides", "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_interval=2,batch_sched_delay=0,bf_interval=5,sched_min_interval=0",
        "DefMemPerCPU": max(1, machine.memory // machine.cpus), "JobRequeue": 1, "ReturnToService": 2, "KillWait": 30,
        "InactiveLimit": 0, "MpiDefault": "none", "AccountingStorageType": "accounting_storage/none",
    } | ({"GresTypes": "gpu,shard", "TaskProlog": place.task_prolog} if machine.gpus else {})  # fmt: skip
    lines = [f'{key}="{value}"' if " " in str(value) else f"{key}={value}" for key, value in settings.items()]
    lines += [
        f"NodeName={machine.name} NodeAddr=127.0.0.1 Port={place.ports[1]} CPUs={machine.cpus}"
        f" RealMemory={machine.memory}{gres} State=UNKNOWN",
        f"PartitionName={PARTITION} Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
    ]
    return "\n".join(lines) + "\n"


def gres_conf(machine: Machine) -> str:
    """``gres.conf``: the devices, and as many shards of each as it has GiB."""
    lines = [f"Name=gpu File={gpu.device}" for gpu in machine.gpus]
    lines += [f"Name=shard Count={gpu.memory} File={gpu.device}" for gpu in machine.gpus]
    return "".join(f"{line}\n" for line in lines)


TASK_PROLOG: Final = "#!/bin/sh\necho export CUDA_DEVICE_ORDER=PCI_BUS_ID\n"
"""Slurm counts GPUs by their devices, in the order of the bus. CUDA of itself puts the fastest first: where they differ
a job would use another one than it was given."""
