"""Slurm as a table of jobs, for quick tests of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from podium.orchestration.slurm.plan import Plan
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.transport import Done, Transport

ID = UUID("12345678-0000-4000-8000-000000000000")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def plan(**values: Any) -> Plan:
    given = {
        "schedule": ID, "name": "nightly", "pipeline": "retraining", "user": "ada", "folder": "/shared/s", "way": "job",
        "cron": "*/15 * * * *", "python": "/v/python", "paths": "/code", "command": ("/v/python", "-m", "drive"),
        "settings": SlurmSettings.model_validate({"partition": "gpu", "memory": "3G", "flags": ["--nice=10"]}),
    }  # fmt: skip
    return Plan.model_validate(given | values)


class Site(Transport):
    """Slurm's commands on a table of jobs, and a file system in a dictionary."""

    def __init__(self, crontab: str | None = None, files: dict[str, dict[str, str]] | None = None) -> None:
        super().__init__()
        self.crontab = crontab
        self.refuses: str | None = None  # what sbatch says instead of taking a job
        self.silent = False
        self.files = files if files is not None else {}
        self.queue: dict[str, tuple[str, str, str]] = {}  # job to name, folder, state

    def run(self, *command: str, stdin: str = "") -> Done:  # noqa: PLR0911
        if command[:2] == ("sh", "-c"):
            if "sbatch" in command[2]:
                if self.refuses:
                    return Done(1, "", f"sbatch: error: Batch job submission failed: {self.refuses}")
                folder = command[-1].rpartition("/")[0]
                script = self.files[folder]["job.sh"]
                name = script.partition("--job-name=")[2].split("\n")[0]
                self.queue[job := str(len(self.queue) + 1)] = (name, folder, "PENDING")
                return Done(0, job, "")
            if "scrontab" in command[2]:
                return Done(0, "ScronParameters = enable\n", "") if self.crontab is not None else Done(1, "", "")
            return Done(0, "/usr/share/zoneinfo/Europe/Berlin\n", "")
        if command[0] == "sinfo" and self.silent:
            return Done(1, "", "slurm_load_partitions: Unable to contact slurm controller (connect failure)")
        if command[0] == "squeue":
            name = next((part.partition("=")[2] for part in command if part.startswith("--name=")), None)
            if self.silent:
                return Done(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
            states = ("PENDING",) if "--states=PENDING" in command else ("PENDING", "RUNNING")
            fields = command[-1].partition("=")[2].split("|")
            lines = [
                "|".join({"%i": job, "%j": called, "%Z": folder}[key] for key in fields)
                for job, (called, folder, state) in self.queue.items()
                if (state in states or "--states=all" in command) and name in (None, called)
            ]
            return Done(0, "".join(f"{line}\n" for line in lines), "")
        if command[0] == "scancel":
            for job in command[2:]:
                self.queue[job] = (*self.queue[job][:2], "CANCELLED")
        if command[0] == "scrontab":
            if command[1] == "-l":
                return Done(0, self.crontab, "") if self.crontab else Done(1, "no crontab for ada\n", "")
            self.crontab = stdin
        return Done(0, "", "")

    def write(self, folder: str, files: Mapping[str, str]) -> None:
        self.files.setdefault(folder, {}).update(files)

    def read(self, folder: str, *names: str) -> dict[str, str]:
        return {name: text for name, text in self.files.get(folder, {}).items() if name in names}

    def remove(self, folder: str, *names: str) -> None:
        for name in names:
            self.files.get(folder, {}).pop(name, None)

    def pending(self) -> list[str]:
        return [name for name, _, state in self.queue.values() if state == "PENDING"]

    def becomes(self, name: str, state: str) -> None:
        for job, (called, folder, before) in self.queue.items():
            if called == name and before in ("PENDING", "RUNNING"):
                self.queue[job] = (called, folder, state)
                if state == "RUNNING":
                    self.files[folder]["started"] = "1 0 n1\n"
