"""A real Slurm cluster on this machine: Debian's daemons, three nodes in namespaces of their own, two made GPUs each.

A node is a process, mount and host name namespace: SIGKILL for its first process takes daemon, jobs and all at once, as
a power loss does. Every process dies with the one that started the cluster, so nothing outlives a killed test.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.needs import found, have, unavailable
from tests.ports import free_port

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
CPUS, MEMORY = 4, 4000
"""Of a node; the memory in MB."""


def until(
    condition: Callable[[], object], what: str | Callable[[], str], seconds: float = 30.0, pause: float = 0.05
) -> None:
    """Wait for a condition; the test fails if it does not come in five times what it takes at most elsewhere."""
    seconds *= 5
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            pytest.fail(f"not within {seconds:.0f} s: {what() if callable(what) else what}")
        time.sleep(pause)


@dataclass
class Cluster:
    """``start`` it, and ``stop`` it whatever happens; its folder holds all that it writes."""

    folder: Path
    nodes: tuple[str, ...] = ("n1", "n2", "n3")
    gpus: int = 2
    options: Mapping[str, str] = field(default_factory=dict)
    """More lines of slurm.conf, which replace those here."""
    before_controller: Callable[[], None] = lambda: None
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if os.geteuid() != 0:
            unavailable("the nodes of the Slurm cluster are namespaces, which root makes")
        have("slurmctld", *PACKAGES)
        for name in ("state", "log", "run", "devices", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)

    @property
    def small(self) -> Path:
        """A file system of 1 MB that all nodes see, where the fixture mounts it."""
        return self.folder / "small"

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "munge.socket"

    @property
    def conf(self) -> Path:
        return self.folder / "slurm.conf"

    def environment(self) -> dict[str, str]:
        """What a user of the cluster has."""
        return {"SLURM_CONF": str(self.conf)}

    def call(self, *command: str | Path, expect: int | None = 0, stdin: str | None = None) -> str:
        """Run a command of Slurm's; return what it printed."""
        done = self._run(command, stdin)
        assert expect is None or done.returncode == expect, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def works(self, *command: str) -> bool:
        """Whether a command of Slurm's succeeds."""
        return self._run(command).returncode == 0

    def _run(self, command: tuple[str | Path, ...], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=os.environ | self.environment(), capture_output=True, text=True, input=stdin, check=False,
            timeout=60,
        )  # fmt: skip

    def start(self) -> None:
        self._write()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        run, log = self.folder / "run", self.folder / "log"
        self.spawn(
            "munged", "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.socket}",
            f"--pid-file={run / 'munged.pid'}", f"--log-file={log / 'munged'}", f"--seed-file={run / 'munge.seed'}",
            "--num-threads=2",
        )  # fmt: skip
        until(self.socket.exists, "munge's socket")
        self.before_controller()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        until(self.idle, "idle nodes", 60)

    def idle(self) -> bool:
        """Whether all nodes wait for work; those that are down are asked to come back."""
        lines = self.call("sinfo", "-h", "-N", "-o", "%N %T", expect=None).splitlines()
        states = dict(line.split() for line in lines)
        for node, state in states.items():
            if state.startswith("down"):
                self.call("scontrol", "update", f"NodeName={node}", "State=RESUME", expect=None)
        return states == dict.fromkeys(self.nodes, "idle")

    def start_controller(self) -> None:
        self.spawn("slurmctld", "slurmctld", "-D", "-f", self.conf)

    def stop_controller(self) -> None:
        """In good order: one that is killed forgets what happened within its last seconds."""
        self._processes["slurmctld"].terminate()
        self._processes["slurmctld"].wait(90)

    def save(self) -> None:
        """Keep what the controller has on disk, for ``forget``; while it runs, it may write there."""
        self.stop_controller()
        shutil.copytree(self.folder / "state", self.folder / "saved")
        self.start_controller()
        until(lambda: self.works("sinfo"), "the controller")

    def forget(self) -> None:
        """Kill the controller; it starts again with what was saved, as if it had written nothing since then."""
        self._kill("slurmctld")
        shutil.rmtree(self.folder / "state")
        (self.folder / "saved").rename(self.folder / "state")
        self.start_controller()

    def start_node(self, node: str) -> None:
        names = f"mount --bind {self.folder}/hosts /etc/hosts && hostname {node}"
        inside = f'{names} && slurmd -D -f "$SLURM_CONF" -N {node} & wait'
        unshare = ("unshare", "--fork", "--pid", "--kill-child=SIGKILL", "--mount-proc", "--uts", "--mount")
        self.spawn(node, *unshare, "--propagation", "slave", "bash", "-c", inside)

    def lose(self, node: str) -> None:
        """Cut the node's power. What the controller finds out later, an administrator tells it now."""
        self._kill(node)
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=power")

    def hide(self, folder: Path) -> None:
        """Have the nodes see nothing in a folder, as long as they run."""
        for node in self.nodes:
            within = ("nsenter", f"--target={self._processes[node].pid}", "--mount")
            subprocess.run([*within, "mount", "-t", "tmpfs", "tmpfs", folder], check=True)

    def hurry(self, job: str) -> None:
        """Have a requeued job start soon; Slurm would hold it back for two minutes."""
        until(lambda: "JobState=PENDING" in self.job(job), f"requeue of job {job}")
        time.sleep(1.5)  # else the end of its first start, told late, would be taken for the second's (seen with 22.05)
        self.call("scontrol", "update", f"JobId={job}", "StartTime=now", expect=None)

    def limit(self, job: str, seconds: int = 0) -> None:
        """Have a job reach its time limit in some seconds and five: a time that has passed when read is refused."""
        self.call("scontrol", "update", f"JobId={job}", f"EndTime=now+{seconds + 5}")

    def job(self, job: str) -> str:
        return self.call("scontrol", "show", "job", "-o", job, expect=None)

    def clear(self) -> None:
        """End all jobs, and repair all nodes, between tests."""
        if self._processes["slurmctld"].poll() is not None:
            self.start_controller()
        for node in self.nodes:
            if self._processes[node].poll() is not None:
                self.start_node(node)
        until(lambda: self.call("scontrol", "ping", expect=None).strip().endswith("UP"), "the controller")
        self.call("scancel", "--signal=KILL", "--full", f"--user={getpass.getuser()}", expect=None)
        self.call("scancel", f"--user={getpass.getuser()}", expect=None)
        until(self.idle, lambda: self.call("sinfo", "-N", "-l") + self.call("squeue"))

    def stop(self) -> None:
        for name in reversed(list(self._processes)):
            self._kill(name)

    def spawn(self, name: str, program: str, *arguments: str | Path) -> None:
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", found(program) or program, *arguments],
                env=os.environ | self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _kill(self, name: str) -> None:
        process = self._processes[name]
        process.kill()
        process.wait(10)

    def _write(self) -> None:
        self.conf.write_text("".join(f"{key}={value}\n" for key, value in self._settings().items()) + self._nodes())
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        hosts = [f"127.0.0.1 localhost {socket.gethostname()}", *(f"127.0.0.1 {node}" for node in self.nodes)]
        (self.folder / "hosts").write_text("\n".join(hosts) + "\n")
        lines = []
        for node in self.nodes:
            for number in range(self.gpus):  # /dev/null under another name: Slurm wants character devices
                os.mknod(self.folder / "devices" / f"{node}-gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            device = self.folder / "devices" / f"{node}-gpu[0-{self.gpus - 1}]"
            lines.append(f"NodeName={node} Name=gpu Type=h200 File={device}\n")
        (self.folder / "gres.conf").write_text("".join(lines))

    def _settings(self) -> dict[str, str]:
        user = getpass.getuser()
        return {
            "ClusterName": "podium", "SlurmctldHost": f"{socket.gethostname()}(127.0.0.1)",
            "SlurmctldPort": str(free_port()), "SlurmUser": user, "SlurmdUser": user,
            "AuthType": "auth/munge", "AuthInfo": f"socket={self.socket}", "CryptoType": "crypto/munge",
            "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
            "StateSaveLocation": f"{self.folder}/state", "SlurmdSpoolDir": f"{self.folder}/spool/%n",
            "SlurmctldPidFile": f"{self.folder}/run/slurmctld.pid", "SlurmdPidFile": f"{self.folder}/run/slurmd-%n.pid",
            "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none", "SwitchType": "switch/none",
            "JobAcctGatherType": "jobacct_gather/linux", "JobAcctGatherFrequency": "1",
            "JobAcctGatherParams": "OverMemoryKill",
            "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_Core_Memory", "GresTypes": "gpu",
            "SlurmdParameters": "config_overrides", "SchedulerType": "sched/backfill",
            "SchedulerParameters": "sched_interval=1,batch_sched_delay=0,bf_interval=1,sched_min_interval=0",
            "PreemptType": "preempt/partition_prio", "PreemptMode": "REQUEUE",
            "SlurmdTimeout": "6", "SlurmctldTimeout": "6", "MessageTimeout": "4", "KillWait": "2", "MinJobAge": "300",
            "InactiveLimit": "0", "OverTimeLimit": "0", "ReturnToService": "2", "JobRequeue": "1", "MpiDefault": "none",
            "AccountingStorageType": "accounting_storage/none", "ScronParameters": "enable",
        } | dict(self.options)  # fmt: skip

    def _nodes(self) -> str:
        lines = [
            f"NodeName={node} NodeHostname={node} NodeAddr=127.0.0.1 Port={free_port()} CPUs={CPUS} "
            f"RealMemory={MEMORY} Gres=gpu:h200:{self.gpus} State=UNKNOWN\n"
            for node in self.nodes
        ]
        for partition, tier in (("gpu", "1 Default=YES"), ("urgent", "10")):
            lines.append(f"PartitionName={partition} Nodes=ALL MaxTime=INFINITE State=UP PriorityTier={tier}\n")
        return "".join(lines)
