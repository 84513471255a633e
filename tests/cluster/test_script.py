"""The batch script: what it asks for, and that no value in it can be anything else than a value."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from zenml.config import ResourceSettings

from podium.orchestration.slurm.script import Asked, asked_for, directives, environment_file, render
from podium.orchestration.slurm.settings import SlurmSettings, SlurmStepOperatorConfig

NOTHING = Asked(None, None, None)


def settings(**values: Any) -> SlurmSettings:
    return SlurmSettings.model_validate(values)


def options(asked: Asked = NOTHING, **values: Any) -> list[str]:
    return directives("training.train_a.1234", "run r", "/shared/f", asked, settings(**values))


def test_what_a_step_asks_for_goes_before_the_stack() -> None:
    stack = settings(gpus=1, cpus=4, memory="8G")
    assert asked_for(ResourceSettings(), stack) == Asked(1, 4, "8G")
    step = ResourceSettings(gpu_count=2, cpu_count=2.5, memory="3GB")
    assert asked_for(step, stack) == Asked(2, 3, "2862M")  # 3e9 / 2^20 = 2861.02
    assert asked_for(ResourceSettings(gpu_count=0), stack).gpus == 0


def test_parts_of_a_gpu() -> None:
    stack = settings(gpus=1, shards=8)
    assert asked_for(ResourceSettings(), stack) == Asked(None, None, None, 8)
    assert asked_for(ResourceSettings(gpu_count=2), stack) == Asked(2, None, None), (
        "a step that names GPUs gets whole ones"
    )
    assert "--gres=shard:8" in options(Asked(None, None, None, 8))


def test_options() -> None:
    found = options(
        Asked(2, 3, "2862M"), partition="gpu", account="thesis", qos="low", gpu_type="a100", time_limit="1-12:00:00",
        constraint="a100|h100", flags=("--exclude=n1",), grace_seconds=60,
    )  # fmt: skip
    assert {
        "--partition=gpu", "--account=thesis", "--qos=low", "--time=1-12:00:00", "--constraint=a100|h100",
        "--cpus-per-task=3", "--mem=2862M", "--gres=gpu:a100:2", "--exclude=n1", "--signal=B:TERM@60", "--requeue",
        "--job-name=training.train_a.1234", "--comment=run r", "--output=/shared/f/output",
    } <= set(found)  # fmt: skip
    bare = " ".join(options())
    assert not any(name in bare for name in ("partition", "account", "qos", "time", "gres", "mem", "cpus"))
    assert "gres" not in " ".join(options(Asked(0, None, None)))


def test_a_percent_sign_in_the_folder_is_no_placeholder() -> None:
    found = directives("n", "c", "/shared/50%j", NOTHING, settings())
    assert "--output=/shared/50%%j/output" in found
    assert "--chdir=/shared/50%j" in found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("partition", "gpu --wrap=x"), ("partition", "a\nb"), ("account", "x;y"), ("qos", "$(id)"), ("memory", "8 G"),
        ("time_limit", "soon"), ("time_limit", "1:2:3:4"), ("constraint", "a b"), ("gpus", -1), ("cpus", 0),
        ("modules", ("cuda; rm",)), ("flags", ("--output=/tmp/x",)), ("flags", ("-o x",)), ("flags", ("--a\n--b",)),
        ("flags", ("rm",)), ("flags", ("--wrap=x",)), ("container", "a\nb"), ("container_runtime", "docker"),
        ("grace_seconds", 0), ("flags", ("--arr=1-3",)), ("flags", ("--wra=true",)), ("flags", ("--out=/x",)),
        ("flags", ("--no-req",)), ("flags", ("--test-only",)), ("flags", ("-M other",)), ("flags", ("-H --wrap=x",)),
    ],
)  # fmt: skip
def test_refused_values(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        settings(**{key: value})


def test_options_that_resemble_ours_are_taken() -> None:
    flags = (
        "--nodelist=n1",
        "--ntasks-per-node=1",
        "--wait-all-nodes=1",
        "--export-file=x",
        "--exclusive",
        "-x n1",
        "-H",
    )
    assert settings(flags=flags).flags == flags


@pytest.mark.parametrize("values", [{"folder": "jobs"}, {"folder": "/f", "host": "-oProxyCommand=x"}, {}])
def test_refused_configurations(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SlurmStepOperatorConfig.model_validate(values)


def test_containers() -> None:
    def script(asked: Asked = NOTHING, **values: Any) -> str:
        command = ["python", "-m", "x y"]
        return render(name="n", comment="c", folder="/f", command=command, asked=asked, settings=settings(**values))

    assert "\napptainer exec --nv --bind /data:/data:ro img.sif python -m 'x y' &\n" in script(
        container="img.sif", container_mounts=("/data:/data:ro",)
    )
    assert "\nsrun --container-image=img --container-mounts=/a:/b,/c:/c python -m 'x y' &\n" in script(
        container="img", container_runtime="pyxis", container_mounts=("/a:/b", "/c:/c")
    )
    pyxis = script(Asked(None, 4, None), container="img", container_runtime="pyxis")
    assert "\nsrun --cpus-per-task=4 --container-image=img python -m 'x y' &\n" in pyxis
    assert 'scancel --quiet --signal=TERM "$SLURM_JOB_ID.0"' in pyxis, (
        "srun kills its task when it gets a signal itself"
    )
    assert "scancel" not in script(Asked(None, 4, None), container="img.sif")


class TestRun:
    """The script itself, with stand-ins for Slurm's commands."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        made = tmp_path / "a folder's"
        made.mkdir()
        self.stand_in(tmp_path, "squeue", "echo ${STATE:-RUNNING}")
        self.stand_in(tmp_path, "scontrol", 'echo "$@" >> scontrol.log')
        return made

    def stand_in(self, folder: Path, name: str, line: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)

    def start(self, folder: Path, *command: str, more: dict[str, Any] | None = None, **variables: str) -> int:
        values = {"SECRET": 'a\'b $(x) "q"\nnext'}
        (folder / "environment").write_text(environment_file(values))
        script = render(
            name="n", comment="it's # \"said\"", folder=str(folder), command=command, asked=NOTHING,
            settings=settings(max_restarts=3, **more or {}),
        )  # fmt: skip
        script = script.replace("/etc/profile", str(folder.parent / "profile"))
        environment = {"PATH": f"{folder.parent}:/usr/bin:/bin", "SLURM_JOB_ID": "7", **variables}
        done = subprocess.run(
            ["bash"], input=script, text=True, env=environment, check=False, timeout=30, capture_output=True
        )
        self.printed = done.stdout + done.stderr
        return done.returncode

    def test_modules_come_from_the_profile_which_changes_nothing_else(self, folder: Path) -> None:
        (folder.parent / "profile").write_text(
            "PATH=/usr/bin:/bin:/profile/bin\numask 022\nSECRET=of the profile\n"
            'module() { [ "$2" != nowhere ] && export LOADED="$LOADED $*"; }\n'
        )
        see = ["sh", "-c", 'printf %s "$LOADED|$SECRET|$PATH|$(umask)" > got']
        assert self.start(folder, *see, more={"modules": ("cuda/12.6", "gcc")}) == 0, self.printed
        loaded, secret, path, umask = (folder / "got").read_text().split("|")
        assert loaded == " load cuda/12.6 load gcc"
        assert secret.startswith("a'b"), "the step's own variables go before the profile's"
        assert path.startswith(str(folder.parent)), "Slurm's commands are still found"
        assert path.endswith("/profile/bin")
        assert umask.endswith("077")

    def test_a_module_that_is_not_there_ends_the_job(self, folder: Path) -> None:
        (folder.parent / "profile").write_text("module() { false; }\n")
        assert self.start(folder, "touch", "ran", more={"modules": ("nowhere",)}) == 69
        assert (folder / "ended").read_text() == "69\n"
        assert not (folder / "environment").exists()
        assert not (folder / "ran").exists()

    def test_a_site_without_modules_tells_so(self, folder: Path) -> None:
        (folder.parent / "profile").touch()
        assert self.start(folder, "true", more={"modules": ("cuda",)}) == 69
        assert "module: command not found" in self.printed

    def test_the_command_gets_the_variables_and_its_status_is_recorded(self, folder: Path) -> None:
        assert self.start(folder, "sh", "-c", 'printf %s "$SECRET" > got; exit 3', SLURM_RESTART_COUNT="1") == 3
        assert (folder / "got").read_text() == 'a\'b $(x) "q"\nnext'
        assert (folder / "ended").read_text() == "3\n"
        assert (folder / "started").read_text().split()[:2] == ["7", "1"]
        assert not (folder / "environment").exists(), "credentials stay no longer than the job"

    def test_saved_state_is_queued_again_while_slurm_has_not_taken_the_job(self, folder: Path) -> None:
        assert self.start(folder, "sh", "-c", "exit 75") == 75
        assert (folder / "scontrol.log").read_text() == "requeue 7\n"
        assert not (folder / "ended").exists()
        assert (folder / "environment").exists(), "the next start needs it"

    def test_saved_state_of_a_preempted_or_cancelled_job_is_left_to_slurm(self, folder: Path) -> None:
        for status in (75, 143):
            assert self.start(folder, "sh", "-c", f"exit {status}", STATE="COMPLETING") == status
        assert (folder / "environment").exists(), "the next start needs it"
        assert not (folder / "scontrol.log").exists()
        assert not (folder / "ended").exists()

    def test_too_many_restarts_end_the_job(self, folder: Path) -> None:
        (folder / "started").write_text("7 0 n1\n7 1 n1\n7 2 n1\n")
        assert self.start(folder, "sh", "-c", "exit 75") == 75
        assert not (folder / "scontrol.log").exists()
        assert (folder / "ended").read_text() == "75\n"

    def test_a_cancelled_job_that_starts_anyway_does_nothing(self, folder: Path) -> None:
        (folder / "cancelled").touch()
        assert self.start(folder, "touch", "ran") == 1
        assert not (folder / "ran").exists()

    def test_sigterm_reaches_the_command(self, folder: Path) -> None:
        wait = "trap 'echo saved > saved; exit 75' TERM; kill -TERM $PPID; for i in $(seq 200); do sleep 0.05; done"
        assert self.start(folder, "sh", "-c", wait) == 75
        assert (folder / "saved").exists()

    def test_sigterm_that_comes_before_the_command_reaches_it_too(self, folder: Path) -> None:
        (folder.parent / "profile").write_text("module() { kill -TERM $$; }\n")
        assert self.start(folder, "sleep", "20", more={"modules": ("cuda",)}) == 75, "it has done nothing yet"
        assert (folder / "scontrol.log").read_text() == "requeue 7\n"
        assert (folder / "environment").exists()

    def test_a_step_that_a_signal_of_others_ends_has_failed(self, folder: Path) -> None:
        assert self.start(folder, "sh", "-c", "kill -TERM $$") == 143
        assert (folder / "ended").read_text() == "143\n"

    def test_what_slurm_refuses_to_queue_again_is_left_for_who_waits_for_it(self, folder: Path) -> None:
        self.stand_in(folder.parent, "scontrol", "exit 1")
        assert self.start(folder, "sh", "-c", "exit 75") == 75
        assert not (folder / "ended").exists()
        assert (folder / "environment").exists()

    def test_a_step_that_ends_while_the_signal_is_passed_on_keeps_its_status(self, folder: Path) -> None:
        self.stand_in(folder.parent, "srun", 'while [ "$1" != sh ]; do shift; done; exec "$@"')
        self.stand_in(folder.parent, "scancel", "kill -TERM $(cat pid); sleep 0.5")
        wait = (
            "trap 'exit 75' TERM; echo $$ > pid; sleep 0.3; kill -TERM $PPID; for i in $(seq 200); do sleep 0.05; done"
        )
        pyxis = {"container": "img", "container_runtime": "pyxis"}
        assert self.start(folder, "sh", "-c", wait, more=pyxis) == 75, self.printed
