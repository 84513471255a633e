"""Schedules on the real cluster, made and changed by ZenML's own commands."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from tests.cluster.conftest import user_environment
from tests.cluster.scrontab import build
from tests.cluster.slurm import Cluster, until
from tests.conftest import ROOT
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow

PIPELINE = "tests.cluster.scheduled.scheduled_pipeline"
NIGHTLY = "schedule: {name: NAME, cron_expression: '30 3 * * *'}\nsettings: {orchestrator: {memory: 1500M}}\n"


class Commands:
    """A process that runs ZenML's commands."""

    def __init__(self, site: Workspace, variables: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [BIN / "python", "-c", "from tests.cluster.scheduled import main; main()"],
            env=site.environment(**variables), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def __call__(self, *command: str, fails: bool = False) -> str:
        """What it printed."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(f"'{part}'" for part in command) + "\n")
        self.process.stdin.flush()
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith("= "):
                assert line.startswith("= failed") == fails, "".join(lines) + line
                return "".join([*lines, line])
            lines.append(line)
        raise AssertionError("".join(lines))


@pytest.fixture(scope="module")
def driven(site: Workspace) -> Workspace:
    site.call("podium", "stack", "up", "slurm_driver")
    return site


@pytest.fixture
def zenml(driven: Workspace, cluster: Cluster) -> Iterator[Commands]:
    made = Commands(driven, user_environment(driven, cluster, ROOT))
    yield made
    made.process.kill()
    made.process.wait()
    (driven.state / "noted").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def scrontab() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="podium-scrontab-"))
    yield build(folder)
    rmtree(folder)


def jobs(cluster: Cluster, states: str = "PENDING") -> dict[str, list[str]]:
    """Of schedules: by their id name and start."""
    lines = cluster.call("squeue", "--noheader", f"--states={states}", "--format=%i %j %S").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if ".schedule." in line}


def times(cluster: Cluster) -> list[str]:
    """When ticks are due, as their names tell, and hours as Slurm tells."""
    return [f"{name.split('.')[3][9:13]} {start[11:16]}" for name, start in jobs(cluster).values()]


def test_a_night_of_a_schedule(zenml: Commands, cluster: Cluster, driven: Workspace, tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text(NIGHTLY.replace("NAME", "nightly"))
    printed = zenml("pipeline", "run", PIPELINE, "-c", str(tmp_path / "nightly.yaml"), "-s", "slurm_driver")
    assert "schedule nightly (job): due next at" in printed
    assert times(cluster) == ["0330 03:30"]
    assert "30 3 * * *" in zenml("pipeline", "schedule", "list")
    [first] = jobs(cluster)
    noted = driven.state / "noted"

    cluster.call("scontrol", "update", f"JobId={first}", "StartTime=now")  # the night comes
    until(noted.exists, lambda: cluster.call("squeue") + outputs(driven), 90)
    until(lambda: not jobs(cluster, "RUNNING"), lambda: cluster.call("squeue"), 60)
    [second] = jobs(cluster)
    assert second != first
    assert len(times(cluster)) == 1, "the next night is queued"
    runs = zenml("pipeline", "runs", "list", "--output=json", "--columns=status,name")
    assert runs.count('"completed"') == 1, runs

    script = min(driven.state.glob("slurm/schedules/*/ticks/*Z.0/job.sh"))
    [again] = [line for line in script.read_text().splitlines() if "podium.orchestration.slurm.tick" in line]
    again = again.removesuffix(" &")
    subprocess.run(again, shell=True, env=os.environ | cluster.environment(), check=True)  # as after a node's loss
    assert list(jobs(cluster, "PENDING,RUNNING")) == [second], "one tick for the next night, and no second driver"

    zenml("pipeline", "schedule", "update", "nightly", "--cron-expression", "15 4 * * *")
    assert times(cluster) == ["0415 04:15"]
    zenml("pipeline", "schedule", "deactivate", "nightly")
    assert times(cluster) == []
    zenml("pipeline", "schedule", "activate", "nightly")
    assert times(cluster) == ["0415 04:15"]
    assert "no cron expression of five fields" in zenml(
        "pipeline", "schedule", "update", "nightly", "--cron-expression", "soon", fails=True
    )
    zenml("pipeline", "schedule", "delete", "nightly", "--yes")
    assert times(cluster) == []
    assert "nightly" not in zenml("pipeline", "schedule", "list")
    assert not list(driven.state.glob("slurm/schedules/*/variables.json")), "no credentials are left behind"


def test_scrontab_fires_and_keeps_what_others_wrote(
    driven: Workspace, cluster: Cluster, scrontab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{scrontab}:{os.environ['PATH']}")
    mine = "# mine\n5 5 1 1 * true\n"
    cluster.call("scrontab", "-", stdin=mine)
    variables = user_environment(driven, cluster, ROOT) | {"PATH": f"{scrontab}:{BIN}:{os.environ['PATH']}"}
    zenml = Commands(driven, variables)
    noted = driven.state / "noted"
    noted.unlink(missing_ok=True)
    try:
        (tmp_path / "minutely.yaml").write_text(NIGHTLY.replace("NAME", "minutely").replace("30 3", "* *"))
        printed = zenml("pipeline", "run", PIPELINE, "-c", str(tmp_path / "minutely.yaml"), "-s", "slurm_driver")
        assert "schedule minutely (scrontab): due next at" in printed
        assert cluster.call("scrontab", "-l").startswith(mine)
        until(noted.exists, lambda: cluster.call("squeue") + outputs(driven), 120)
        zenml("pipeline", "schedule", "deactivate", "minutely")
        assert cluster.call("scrontab", "-l") == mine
        zenml("pipeline", "schedule", "activate", "minutely")
        assert "/tick.sh" in cluster.call("scrontab", "-l")
        zenml("pipeline", "schedule", "delete", "minutely", "--yes")
        assert cluster.call("scrontab", "-l") == mine
    finally:
        zenml.process.kill()
        zenml.process.wait()
        cluster.call("scrontab", "-r", expect=None)


def outputs(site: Workspace) -> str:
    """What ticks and drivers printed."""
    folders = site.state / "slurm" / "schedules"
    return "".join(path.read_text() for path in [*folders.glob("*/*/*/output"), *folders.glob("*/tick.log")])
