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

FILES = {
    "nightly": "{name: nightly, cron_expression: '30 3 * * *', end_time: 2099-01-01T00:00:00Z}",  # ticks alone can end
    "minutely": "{name: minutely, cron_expression: '* * * * *'}",
}
MINE = "# mine\n5 5 1 1 * true\n"


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
def scrontab() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="podium-scrontab-"))
    yield build(folder)
    rmtree(folder)


@pytest.fixture
def zenml(site: Workspace, cluster: Cluster, scrontab: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    site.call("podium", "stack", "up", "slurm_driver")
    monkeypatch.setenv("PATH", f"{scrontab}:{os.environ['PATH']}")
    cluster.call("scrontab", "-", stdin=MINE)
    made = Commands(site, user_environment(site, cluster, ROOT) | {"PATH": f"{BIN}:{os.environ['PATH']}"})
    yield made
    made.process.kill()
    made.process.wait()
    cluster.call("scrontab", "-r", expect=None)


def test_schedules_through_ticks_and_through_scrontab(
    zenml: Commands, cluster: Cluster, site: Workspace, tmp_path: Path
) -> None:
    printed = {}
    for name, schedule in FILES.items():
        (tmp_path / name).write_text(f"schedule: {schedule}\nsettings: {{orchestrator: {{memory: 1500M}}}}\n")
        pipeline = f"tests.cluster.scheduled.{name}_pipeline"
        printed[name] = zenml("pipeline", "run", pipeline, "-c", str(tmp_path / name), "-s", "slurm_driver")
    assert "schedule nightly (job): due next at" in printed["nightly"]
    assert "schedule minutely (scrontab): due next at" in printed["minutely"]
    assert cluster.call("scrontab", "-l").startswith(MINE)
    listed = zenml("pipeline", "schedule", "list")
    assert all(told in listed for told in ("nightly", "30 3 * * *", "minutely"))

    the_night_comes(zenml, cluster, site)
    zenml("pipeline", "schedule", "update", "nightly", "--cron-expression", "15 4 * * *")
    assert times(cluster) == ["0415 04:15"]
    cluster.call("scancel", *jobs(cluster))  # as a killed controller loses a tick
    assert "schedule nightly does not fire any more" in doctor(site, cluster)
    zenml("pipeline", "schedule", "deactivate", "nightly")
    assert times(cluster) == []
    zenml("pipeline", "schedule", "activate", "nightly")
    assert times(cluster) == ["0415 04:15"]
    assert '"status":"ok"' in doctor(site, cluster)
    assert "no cron expression of five fields" in zenml(
        "pipeline", "schedule", "update", "nightly", "--cron-expression", "soon", fails=True
    )
    zenml("pipeline", "schedule", "delete", "nightly", "--yes")
    assert times(cluster) == []

    until((site.state / "noted.minutely_pipeline").exists, lambda: cluster.call("squeue") + outputs(site), 120)
    zenml("pipeline", "schedule", "deactivate", "minutely")
    assert cluster.call("scrontab", "-l") == MINE
    zenml("pipeline", "schedule", "activate", "minutely")
    assert "/tick.sh" in cluster.call("scrontab", "-l")
    zenml("pipeline", "schedule", "delete", "minutely", "--yes")
    assert cluster.call("scrontab", "-l") == MINE
    listed = zenml("pipeline", "schedule", "list")
    assert "nightly" not in listed
    assert "minutely" not in listed
    assert not list(site.state.glob("slurm/schedules/*/variables.json")), "no credentials are left behind"


def the_night_comes(zenml: Commands, cluster: Cluster, site: Workspace) -> None:
    """One run, and the next night's tick, though Slurm starts this night's twice."""
    assert times(cluster) == ["0330 03:30"]
    [first] = jobs(cluster)
    noted = site.state / "noted.nightly_pipeline"
    cluster.call("scontrol", "update", f"JobId={first}", "StartTime=now")
    until(noted.exists, lambda: cluster.call("squeue") + outputs(site), 90)
    until(lambda: not jobs(cluster, "RUNNING"), lambda: cluster.call("squeue"), 60)
    [second] = jobs(cluster)
    assert second != first
    assert len(times(cluster)) == 1, "the next night is queued"
    script = min(site.state.glob("slurm/schedules/*/ticks/*Z.0/job.sh"))
    [again] = [line for line in script.read_text().splitlines() if "podium.orchestration.slurm.tick" in line]
    again = again.removesuffix(" &")
    subprocess.run(again, shell=True, env=os.environ | cluster.environment(), check=True)  # as after a node's loss
    assert list(jobs(cluster, "PENDING,RUNNING")) == [second], "no second tick, no second driver"
    assert len(noted.read_text().splitlines()) == 1
    runs = zenml("pipeline", "runs", "list", "--output=json", "--columns=status,name")
    assert runs.count("nightly_pipeline-") == 1, runs


def doctor(site: Workspace, cluster: Cluster) -> str:
    """What ``podium doctor`` says of the stack."""
    return site.call("python", "-m", "podium.orchestration.doctor", **user_environment(site, cluster, ROOT))


def jobs(cluster: Cluster, states: str = "PENDING") -> dict[str, list[str]]:
    """Of the nightly schedule: by their id name and start."""
    lines = cluster.call("squeue", "--noheader", f"--states={states}", "--format=%i %j %S").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if "nightly_pipeline.schedule." in line}


def times(cluster: Cluster) -> list[str]:
    """When ticks are due, as their names tell, and as Slurm tells."""
    return [f"{name.split('.')[3][9:13]} {start[11:16]}" for name, start in jobs(cluster).values()]


def outputs(site: Workspace) -> str:
    """What ticks and drivers printed."""
    folders = site.state / "slurm" / "schedules"
    return "".join(path.read_text() for path in [*folders.glob("*/*/*/output"), *folders.glob("*/tick.log")])
