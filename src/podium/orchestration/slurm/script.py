"""The batch script of a step: a pure function of what it runs and what it asks for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zenml.config import ResourceSettings
from zenml.config.resource_settings import ByteUnit

from podium.errors import REQUEUE
from podium.orchestration.slurm.settings import SlurmSettings

SCRIPT: Final = "job.sh"
ENVIRONMENT: Final = "environment"
"""Credentials among them: readable by the user alone, and removed when the job has ended."""
OUTPUT: Final = "output"
STARTED: Final = "started"
"""A line for each time that Slurm started the job."""
ENDED: Final = "ended"
"""The exit status, once the job has ended for good: also known where Slurm has forgotten the job."""
PATIENCE: Final = 60
"""Times 5 s for which an ended step waits for a controller that does not answer."""
CANCELLED: Final = "cancelled"
"""Nobody waits for the job any more."""
_PROFILE: Final = """if ! type module > /dev/null 2>&1; then  # a batch script is no login shell
  before=$PATH
  . /etc/profile
  PATH=$before:$PATH
  umask 077
fi
"""


@dataclass(frozen=True)
class Asked:
    """What Slurm is asked for; what is None is left to the site."""

    gpus: int | None
    cpus: int | None
    memory: str | None
    shards: int | None = None


def asked_for(resources: ResourceSettings, settings: SlurmSettings) -> Asked:
    """A step's resources; what they leave open the settings say."""
    cpus, gpus, shards = resources.cpu_count, resources.gpu_count, None
    if gpus is None:
        gpus, shards = (None, settings.shards) if settings.shards else (settings.gpus, None)
    return Asked(
        gpus=gpus,
        cpus=settings.cpus if cpus is None else max(1, -(-int(cpus * 1000) // 1000)),
        memory=_memory(resources) or settings.memory,
        shards=shards,
    )


def _memory(resources: ResourceSettings) -> str | None:
    """In Slurm's unit, rounded up: its M is 2^20 bytes."""
    size = resources.get_memory(unit=ByteUnit.MIB)
    return None if size is None else f"{-(-int(size * 1000) // 1000)}M"


def directives(name: str, comment: str, folder: str, asked: Asked, settings: SlurmSettings) -> list[str]:
    """The options of sbatch.

    Args:
        name: Of the job; tells an administrator the pipeline and the step.
        comment: Tells the run and the user.
        folder: Of the job.
        asked: GPUs, CPUs and memory.
        settings: All else.
    """
    pattern = folder.replace("\\", "\\\\").replace("%", "%%")  # % begins a placeholder there
    options = [
        f"--job-name={name}", f"--comment={comment}", f"--chdir={folder}", f"--output={pattern}/{OUTPUT}",
        "--open-mode=append", "--requeue", f"--signal=B:TERM@{settings.grace_seconds}", "--nodes=1", "--ntasks=1",
    ]  # fmt: skip
    given = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "time": settings.time_limit,
        "constraint": settings.constraint,
        "cpus-per-task": asked.cpus,
        "mem": asked.memory,
    }
    options += [f"--{key}={value}" for key, value in given.items() if value is not None]
    if asked.gpus:
        kind = f"{settings.gpu_type}:" if settings.gpu_type else ""
        options.append(f"--gres=gpu:{kind}{asked.gpus}")
    if asked.shards:
        options.append(f"--gres=shard:{asked.shards}")
    return [*options, *settings.flags]


def launcher(command: Sequence[str], asked: Asked, settings: SlurmSettings) -> str:
    """The step's command as a line of shell, in its container if it has one."""
    if settings.container is None:
        return shlex.join(command)
    if settings.container_runtime == "pyxis":
        mounts = [f"--container-mounts={','.join(settings.container_mounts)}"] if settings.container_mounts else []
        return shlex.join([*_srun(asked), f"--container-image={settings.container}", *mounts, *command])
    binds = [part for mount in settings.container_mounts for part in ("--bind", mount)]
    return shlex.join(["apptainer", "exec", "--nv", *binds, settings.container, *command])


def _srun(asked: Asked) -> list[str]:
    """From 22.05 on, srun does not take the job's CPUs by itself."""
    return ["srun", *([f"--cpus-per-task={asked.cpus}"] if asked.cpus else [])]


def _stopping(settings: SlurmSettings) -> str:
    """What passes SIGTERM on to the step. srun would make a SIGKILL of its own, so Slurm is asked to tell its tasks."""
    if settings.container is not None and settings.container_runtime == "pyxis":
        return 'scancel --quiet --signal=TERM "$SLURM_JOB_ID.0"'
    return 'kill -TERM "$child" 2>/dev/null'


def render(
    *, name: str, comment: str, folder: str, command: Sequence[str], asked: Asked, settings: SlurmSettings
) -> str:
    """The whole script. It holds no credentials.

    It runs the command with the variables of ``ENVIRONMENT`` and passes SIGTERM on to it. A training that ends with
    status 75 has saved its state, and the script asks for another start. Where Slurm itself ends the job (preemption,
    scancel), which the job's state tells, or refuses the other start, the script leaves all as it is. A SIGTERM that
    comes before the command heeds signals ends it with 143, when it has done nothing yet: that is another start, too.

    Args:
        name: As in ``directives``, like all but the next.
        command: The step's.
        comment: Likewise.
        folder: Likewise.
        asked: Likewise.
        settings: Likewise.
    """
    header = "\n".join(f"#SBATCH {_quoted(option)}" for option in directives(name, comment, folder, asked, settings))
    loads = "".join(f"module load {shlex.quote(module)} || end 69\n" for module in settings.modules)
    return f"""#!/bin/bash
{header}
umask 077
cd {shlex.quote(folder)} || exit 72
end() {{
  echo "$1" > .{ENDED}.new && mv .{ENDED}.new {ENDED}
  rm -f {ENVIRONMENT}
  exit "$1"
}}
asked=
child=
trap 'asked=1; [ -n "$child" ] && {_stopping(settings)}' TERM
[ -e {CANCELLED} ] && end 1
{_PROFILE if loads else ""}echo "${{SLURM_JOB_ID:-}} ${{SLURM_RESTART_COUNT:-0}} $(uname -n)" >> {STARTED}
set -a
. ./{ENVIRONMENT} || end 78
set +a
{loads}{launcher(command, asked, settings)} &
child=$!
[ -n "$asked" ] && {_stopping(settings)}  # it came before there was a child
while :; do  # a signal ends wait, not the step
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || break
done
wait "$child" 2>/dev/null  # it may have ended while the signal was passed on, and bash remembers how
last=$?
[ "$last" = 127 ] || status=$last
[ -n "$asked" ] && [ "$status" = 143 ] && status={REQUEUE}
if [ "$status" != 0 ] && [ ! -e {CANCELLED} ]; then
  for try in $(seq {PATIENCE}); do  # the controller may be restarting
    state=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T 2>/dev/null) && break
    sleep 5
  done
  if [ "$state" != RUNNING ]; then
    exit "$status"  # Slurm itself has taken the job away: whether it comes again is Slurm's to say
  elif [ "$status" = {REQUEUE} ] && [ "$(wc -l < {STARTED})" -le {settings.max_restarts} ]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit {REQUEUE}  # also if the site forbids that: who waits for the job submits it again
  fi
fi
end "$status"
"""


def _quoted(option: str) -> str:
    """An option for a line of the script, where sbatch takes double quotes, and a backslash before one."""
    if not any(character in option for character in " \t'\"#\\"):
        return option
    name, found, value = option.partition("=")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}{found}"{escaped}"' if found else option


def environment_file(variables: dict[str, str]) -> str:
    """Variables as lines of shell."""
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in sorted(variables.items()))
