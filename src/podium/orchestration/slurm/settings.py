"""What can be set: of one step's job (a run's file or the stack), and of the cluster (the stack alone)."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from zenml.config.base_settings import BaseSettings
from zenml.orchestrators import BaseOrchestratorConfig
from zenml.step_operators import BaseStepOperatorConfig

_WORD: Final = r"^[^\s,;'\"\\$`]+$"
_MEMORY: Final = r"^[0-9]+[KMGT]?$"
_TIME: Final = r"^([0-9]+|[0-9]+:[0-9]{2}(:[0-9]{2})?|[0-9]+-[0-9]{1,2}(:[0-9]{2}){0,2})$"
_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
OURS: Final = (
    "array", "chdir", "clusters", "comment", "error", "export", "help", "job-name", "no-requeue", "nodes", "ntasks",
    "open-mode", "output", "parsable", "requeue", "signal", "test-only", "usage", "version", "wait", "wrap",
)  # fmt: skip
"""Options of sbatch that Podium sets itself, or that would part a job from the step that waits for it. None of its
other options is the beginning of one of these."""
_SHORT: Final = {
    "D": "chdir",
    "J": "job-name",
    "M": "clusters",
    "N": "nodes",
    "V": "version",
    "W": "wait",
    "a": "array",
    "e": "error",
    "h": "help",
    "n": "ntasks",
    "o": "output",
}


def zone(name: str) -> tzinfo:
    """A time zone by its name, such as ``Europe/Berlin``. Raises ValueError if the machine does not know it."""
    if name in ("UTC", "Etc/UTC"):  # also where there is no database of zones
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: of a folder, such as Europe
        raise ValueError(f"there is no time zone {name!r} on this machine") from None


def _flag(value: str) -> str:
    """One option of sbatch on a line of its own, that is not one of ours."""
    found = re.match(r"^(?:--([a-z][a-z0-9-]*)(?:=.+)?|-([A-Za-z])(?: [^\s-]\S*)?)$", value)
    if not found or not value.isprintable():
        raise ValueError(f"{value!r} is no option of sbatch: write --NAME=VALUE")
    name = found[1] or _SHORT.get(found[2], found[2])
    ours = next((option for option in OURS if option.startswith(name) and (found[1] or option == name)), None)
    if ours is not None:  # sbatch takes the beginning of an option's name for its name
        raise ValueError(f"{value!r}: Podium sets --{ours} itself")
    return value


def _line(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError(f"{value!r} is no line of text")
    return value


Word = Annotated[str, Field(pattern=_WORD)]
Line = Annotated[str, AfterValidator(_line)]


class SlurmSettings(BaseSettings):
    """One step's job. GPUs, CPUs and memory of ZenML's ``settings.resources`` go before those here."""

    partition: Word | None = None
    """The site's default partition unless given."""
    account: Word | None = None
    qos: Word | None = None
    gpus: int | None = Field(None, ge=0)
    """GPUs of a step whose resources name none."""
    gpu_type: Word | None = None
    """Of the site's generic resources, such as ``a100``."""
    shards: int | None = Field(None, ge=1)
    """Parts of one GPU instead of whole ones, where the site divides them (``gres/shard``); a workstation's is a GiB of
    its memory. A step whose resources name GPUs gets whole ones."""
    cpus: int | None = Field(None, ge=1)
    """CPUs of a step whose resources name none."""
    memory: str | None = Field(None, pattern=_MEMORY)
    """Memory of a step whose resources name none, as Slurm writes it: ``16G``."""
    time_limit: str | None = Field(None, pattern=_TIME)
    """``MINUTES``, ``HH:MM:SS`` or ``D-HH:MM:SS``; the partition's unless given. A training that reaches it saves its
    state before, and goes on in the queue."""
    constraint: Annotated[str, Field(pattern=r"^[^\s'\"\\$`]+$")] | None = None
    """Features of nodes, such as ``a100|h100``."""
    modules: tuple[Word, ...] = ()
    """Loaded in this order before the step, with ``module load``."""
    container: Line | None = None
    """An image in which the step runs."""
    container_runtime: Literal["apptainer", "pyxis"] = "apptainer"
    container_mounts: tuple[Word, ...] = ()
    """``HOST:CONTAINER`` each. The code, the state folder and the data set have to be seen inside."""
    flags: tuple[Annotated[str, AfterValidator(_flag)], ...] = ()
    """More options of sbatch, such as ``--exclusive`` or ``--reservation=thesis``."""
    grace_seconds: int = Field(120, ge=10, le=3600)
    """So long before the time limit a training is asked to save its state."""
    max_restarts: int = Field(20, ge=0)
    """A job that was started more often than this is not queued again: neither at its time limit, nor where Slurm has
    taken it away for good."""


class SlurmCluster(SlurmSettings):
    """The cluster, and what its jobs ask for unless a step says otherwise."""

    folder: Line
    """Where jobs have their folders: on a file system that all nodes see, with an absolute path."""
    conf: Line | None = None
    """Slurm's configuration file (``SLURM_CONF``) where it is not the machine's own."""
    host: Word | None = None
    """A login node for ``ssh``, as in ``~/.ssh/config``; ``sbatch`` runs on this machine unless given."""
    ssh_options: tuple[Line, ...] = ()
    """More options of ssh, such as ``-oPort=2222``."""
    python: Line | None = None
    """The interpreter on the nodes; the one that runs here unless given."""
    source_root: Line | None = None
    """The checkout on the nodes; where it lies here unless given."""
    state: Line | None = None
    """Podium's state folder there, if the checkout lies elsewhere; ``.podium`` in it unless given."""
    forward: tuple[Annotated[str, Field(pattern=_VARIABLE)], ...] = ()
    """Environment variables that jobs get beside ZenML's, ``PODIUM_*`` and ``MLFLOW_*``."""
    poll_seconds: float = Field(1.0, ge=1.0)
    """Slurm is asked no more often, however many jobs there are."""
    max_jobs: int | None = Field(None, ge=1)
    """So many jobs of one run wait or run at a time; the site's limit alone counts unless given."""

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        if not self.folder.startswith("/"):
            raise ValueError(f"folder {self.folder!r} is no absolute path")
        if self.host is not None and self.host.startswith("-"):
            raise ValueError(f"host {self.host!r} is no name of a machine")
        return self


class SlurmStepOperatorConfig(BaseStepOperatorConfig, SlurmCluster):
    """Of the step operator."""

    @property
    def is_remote(self) -> bool:
        """False: a remote component would demand a remote ZenML server, which one machine does not need."""
        return False

    @property
    def is_local(self) -> bool:
        """False: jobs run elsewhere."""
        return False


class SlurmOrchestratorConfig(BaseOrchestratorConfig, SlurmCluster):
    """Of the orchestrator: what the driver's job asks for. A CPU and 3 GB are enough for it."""

    synchronous: bool = True
    """Whether ``zenml pipeline run`` shows what the driver prints until it ends; Ctrl-C leaves it running."""
    time_zone: str | None = None
    """Of cron expressions, such as ``Europe/Berlin``; the cluster's own unless given."""
    schedules: Literal["auto", "scrontab", "job"] = "auto"
    """What starts scheduled runs: ``scrontab``, where the site has it and no time zone is given, else a job that queues
    the next one."""

    @model_validator(mode="after")
    def _of_this_world(self) -> Self:
        if self.time_zone is not None:
            try:
                zone(self.time_zone)
            except ValueError as error:
                raise ValueError(f"time_zone: {error}; write one such as UTC") from None
            if self.schedules == "scrontab":
                raise ValueError("time_zone: scrontab knows the controller's alone; remove one of the two")
        return self

    @property
    def is_remote(self) -> bool:
        """False, as above."""
        return False

    @property
    def is_local(self) -> bool:
        """False, as above."""
        return False

    @property
    def is_synchronous(self) -> bool:
        """Whether it waits."""
        return self.synchronous

    @property
    def is_schedulable(self) -> bool:
        """Yes: through scrontab, or a job that queues the next one."""
        return True
