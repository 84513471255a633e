"""When a schedule is due, and what a tick makes of it; Slurm is a stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from podium.errors import REQUEUE
from podium.orchestration.slurm.health import check, check_schedule, keep_firing
from podium.orchestration.slurm.plan import PLAN, RUNS, VARIABLES, Plan, of_stamp, stamp
from podium.orchestration.slurm.schedules import planned, replace
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig
from podium.orchestration.slurm.tick import prune, tick
from podium.orchestration.slurm.transport import Done, SlurmError, Transport
from tests.cluster.stand_in import ID, NOON, Site, plan


@pytest.fixture
def site() -> Site:
    made = Site()
    made.write("/shared/s", {VARIABLES: json.dumps({"TOKEN": "t", "ZENML_CONFIG_PATH": "x"})})
    return made


class TestTimes:
    def test_cron_counts_in_its_zone_also_when_clocks_are_put_forward(self) -> None:
        nightly = plan(cron="30 3 * * *", zone="Europe/Berlin")
        found = [datetime(2026, 3, 27, 12, tzinfo=UTC)]
        for _ in range(3):
            found.append(nightly.due_after(found[-1]) or found[-1])
        assert [stamp(due) for due in found[1:]] == ["20260328T023000Z", "20260329T013000Z", "20260330T013000Z"]

    def test_put_back_clocks_double_no_time_of_day(self) -> None:
        nightly = plan(cron="30 2 * * *", zone="Europe/Berlin")
        first = nightly.due_after(datetime(2026, 10, 24, 12, tzinfo=UTC))
        assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert nightly.due_after(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
        assert nightly.due_at(first + timedelta(hours=1)) == first, "scrontab may fire at the second half past two"
        for minutes in (10, 40, 70, 600):
            assert nightly.due_at(first + timedelta(minutes=minutes)) == first
        assert nightly.due_at(first - timedelta(minutes=10)) == first - timedelta(days=1)
        hourly = plan(cron="30 * * * *", zone="Europe/Berlin")
        for hours in (0, 1, 2):
            assert hourly.due_at(first + timedelta(hours=hours, minutes=5)) == first + timedelta(hours=hours)
        assert hourly.due_after(first) == first + timedelta(hours=1)

    def test_a_time_of_day_that_is_left_out_is_made_up_for(self) -> None:
        nightly = plan(cron="30 2 * * *", zone="Europe/Berlin")
        assert nightly.due_after(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)

    def test_next_is_strictly_after_and_last_is_up_to(self) -> None:
        quarters = plan()
        assert quarters.due_after(NOON) == NOON + timedelta(minutes=15)
        assert quarters.due_at(NOON) == NOON
        assert quarters.due_at(NOON - timedelta(seconds=31)) == NOON - timedelta(minutes=15)

    def test_a_node_whose_clock_is_behind_skips_no_night(self) -> None:
        nightly = plan(cron="30 3 * * *", zone="UTC")
        due = datetime(2026, 1, 15, 3, 30, tzinfo=UTC)
        assert [nightly.due_at(due + timedelta(seconds=by)) for by in (-20, -2, 0, 50)] == [due] * 4

    def test_start_and_end(self) -> None:
        bounded = plan(start=NOON, end=NOON + timedelta(minutes=20))
        assert bounded.due_after(NOON - timedelta(days=1)) == NOON
        assert bounded.due_after(NOON) == NOON + timedelta(minutes=15)
        assert bounded.due_after(NOON + timedelta(minutes=15)) is None

    def test_intervals_and_once(self) -> None:
        every = plan(cron=None, start=NOON, interval=40.0)
        assert every.due_after(NOON - timedelta(days=1)) == NOON
        assert every.due_after(NOON) == NOON + timedelta(seconds=40)
        assert every.due_after(NOON + timedelta(seconds=79)) == NOON + timedelta(seconds=80)
        once = plan(cron=None, once=NOON.replace(tzinfo=None))  # as ZenML gives it
        assert (once.due_after(NOON - timedelta(1)), once.due_after(NOON)) == (NOON, None)

    @pytest.mark.parametrize("cron", ["soon", "61 * * * *", "* * * *", "* * * * * 30", ""])
    def test_what_is_no_cron_expression_is_refused(self, site: Site, cron: str) -> None:
        values = plan().model_dump(exclude={"way", "zone"}) | {"cron": cron}
        config = SlurmOrchestratorConfig.model_validate({"folder": "/f", "time_zone": "UTC"})
        with pytest.raises(SlurmError, match="no cron expression of five fields"):
            planned(site, config, **values)

    def test_stamps(self) -> None:
        assert of_stamp(stamp(NOON)) == NOON


class TestTicks:
    def start(self, site: Site, made: Plan, now: datetime = NOON) -> None:
        replace(site, made)  # which looks at the clock: what is tested here begins with the first tick
        site.queue.clear()
        tick(site, made.folder, NOON, made.revision, lambda: now)

    def drivers(self, site: Site) -> list[str]:
        return [folder for name, folder, _ in site.queue.values() if name.endswith(".run")]

    def test_the_next_is_queued_before_the_run(self, site: Site) -> None:
        self.start(site, plan())
        assert list(site.queue.values()) == [
            ("retraining.schedule.12345678.20260115T121500Z.0", "/shared/s/ticks/20260115T121500Z.0", "PENDING"),
            ("retraining.schedule.12345678.run", "/shared/s/runs/20260115T120000Z", "PENDING"),
        ]
        ticker = site.files["/shared/s/ticks/20260115T121500Z.0"]
        assert "#SBATCH --begin=now+900\n" in ticker["job.sh"]
        assert "/v/python -m podium.orchestration.slurm.tick /shared/s 20260115T121500Z 0" in ticker["job.sh"]
        assert "TOKEN" not in ticker["environment"]
        driver = site.files["/shared/s/runs/20260115T120000Z"]
        assert "#SBATCH --dependency=singleton\n" in driver["job.sh"]
        assert "#SBATCH --nice=10\n" in driver["job.sh"]
        assert "/v/python -m drive" in driver["job.sh"]
        assert f"PODIUM_SLURM_RUN={ID}.20260115T120000Z" in driver["environment"]
        assert "ZENML_CONFIG_PATH=/shared/s/runs/20260115T120000Z/zenml" in driver["environment"]

    @pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETED"])
    def test_a_tick_that_is_started_twice_doubles_nothing(self, site: Site, state: str) -> None:
        self.start(site, plan())
        site.becomes("retraining.schedule.12345678.run", state)
        if state == "COMPLETED":
            site.files[f"/shared/s/{RUNS}/20260115T120000Z"]["ended"] = "0\n"
        tick(site, "/shared/s", NOON, 0, lambda: NOON + timedelta(minutes=2))
        assert len(site.queue) == 2

    def test_what_was_missed_is_one_run_unless_it_is_to_catch_up(self, site: Site) -> None:
        late = NOON + timedelta(hours=3, minutes=1)
        self.start(site, plan(), late)
        assert site.pending()[0].endswith("20260115T151500Z.0")
        self.start(site, plan(catchup=True), late)
        assert site.pending()[0].endswith("20260115T121500Z.0"), "the next of the missed ones"

    def test_a_run_that_takes_long_is_followed_by_one(self, site: Site) -> None:
        self.start(site, plan())
        site.becomes("retraining.schedule.12345678.run", "RUNNING")
        for quarter in (1, 2, 3):
            due = NOON + timedelta(minutes=15 * quarter)
            tick(site, "/shared/s", due, 0, lambda due=due: due)
        assert self.drivers(site) == ["/shared/s/runs/20260115T120000Z", "/shared/s/runs/20260115T121500Z"]

    def test_a_requeued_run_has_looked_already_and_serves_for_no_other(self, site: Site) -> None:
        self.start(site, plan())
        site.becomes("retraining.schedule.12345678.run", "RUNNING")
        site.becomes("retraining.schedule.12345678.run", "PENDING")
        due = NOON + timedelta(minutes=15)
        tick(site, "/shared/s", due, 0, lambda: due)
        assert len(self.drivers(site)) == 2

    def test_outdated_paused_and_deleted(self, site: Site) -> None:
        self.start(site, plan(revision=3))
        before = len(site.queue)
        for revision, active in ((2, True), (3, False)):
            site.write("/shared/s", {PLAN: plan(revision=3, active=active).model_dump_json()})
            tick(site, "/shared/s", NOON + timedelta(minutes=15), revision)
        site.remove("/shared/s", PLAN)
        tick(site, "/shared/s", NOON + timedelta(minutes=15), 3)
        assert len(site.queue) == before

    def test_a_change_amid_a_tick_leaves_no_second_line_of_ticks(self, site: Site) -> None:
        self.start(site, plan())
        site.queue.clear()

        class Changed(Site):
            def run(self, *command: str, stdin: str = "") -> Done:
                done = super().run(*command, stdin=stdin)
                if command[0] == "sh" and "sbatch" in command[2]:
                    self.write("/shared/s", {PLAN: plan(revision=1).model_dump_json()})
                return done

        changed = Changed(files=site.files)
        tick(changed, "/shared/s", NOON, 0, lambda: NOON)
        assert [name for name in changed.pending() if not name.endswith(".run")] == []


def test_folders_of_old_ended_jobs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(10, 17):
        folder = tmp_path / "runs" / f"202601{day}T120000Z"
        folder.mkdir(parents=True)
        if day != 11:  # which seems to go on
            (folder / "ended").touch()
    monkeypatch.setattr("podium.orchestration.slurm.tick.KEPT", 4)
    prune(Transport(), str(tmp_path))
    assert [folder.name[6:8] for folder in sorted((tmp_path / "runs").iterdir())] == ["11", "13", "14", "15", "16"]


@pytest.mark.slow
def test_a_tick_that_waits_when_its_time_is_up_asks_to_be_started_again(tmp_path: Path) -> None:
    for name in ("sbatch", "squeue"):
        (tmp_path / name).write_text("#!/bin/sh\necho Unable to contact slurm controller >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / PLAN).write_text(plan(folder=str(tmp_path)).model_dump_json())
    command = [sys.executable, "-m", "podium.orchestration.slurm.tick", str(tmp_path)]
    environment = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "waits to be submitted" in process.stdout.readline()
        process.terminate()
        assert process.wait(30) == REQUEUE


class TestHealth:
    def test_a_tick_that_a_killed_controller_has_lost_is_queued_by_the_driver_once(self, site: Site) -> None:
        replace(site, plan())
        site.queue.clear()
        for _ in range(2):
            keep_firing(site, "/shared/s", NOON, NOON + timedelta(minutes=1))
        assert site.pending() == ["retraining.schedule.12345678.20260115T121500Z.0"]

    def test_a_tick_that_catches_up_is_as_good_as_the_next(self, site: Site) -> None:
        replace(site, plan(catchup=True))
        site.queue.clear()
        late = NOON + timedelta(hours=5)
        tick(site, "/shared/s", late - timedelta(hours=1), 0, lambda: late)
        before = site.pending()
        keep_firing(site, "/shared/s", NOON, late)
        assert site.pending() == before
        site.queue.clear()
        keep_firing(site, "/shared/s", NOON, late)
        assert site.pending() == ["retraining.schedule.12345678.20260115T121500Z.0"], "what was missed is made up for"

    @pytest.mark.parametrize("values", [{"active": False}, {"way": "scrontab"}, None])
    def test_what_is_paused_or_deleted_or_not_ours_to_fire_is_left_alone(
        self, site: Site, values: dict[str, Any] | None
    ) -> None:
        if values is not None:
            site.write("/shared/s", {PLAN: plan(**values).model_dump_json()})
        keep_firing(site, "/shared/s", NOON, NOON)
        assert site.pending() == []

    def test_a_schedule_that_fires_no_more_is_told(self, site: Site) -> None:
        replace(site, plan())
        check_schedule(site, "/shared/s", "nightly")
        site.queue.clear()
        with pytest.raises(SlurmError, match="schedule nightly does not fire any more: no job waits"):
            check_schedule(site, "/shared/s", "nightly")
        site.write("/shared/s", {PLAN: plan(active=False).model_dump_json()})
        with pytest.raises(SlurmError, match="active in ZenML, but paused"):
            check_schedule(site, "/shared/s", "nightly")
        site.remove("/shared/s", PLAN)
        with pytest.raises(SlurmError, match="has no plan of it"):
            check_schedule(site, "/shared/s", "nightly")

    def test_one_that_has_run_for_the_last_time_is_well(self, site: Site) -> None:
        site.write("/shared/s", {PLAN: plan(cron=None, once=NOON).model_dump_json()})
        check_schedule(site, "/shared/s", "nightly", NOON)
        with pytest.raises(SlurmError, match="does not fire"):
            check_schedule(site, "/shared/s", "nightly", NOON - timedelta(hours=1))

    def test_one_of_scrontab(self, site: Site) -> None:
        site.crontab = "0 * * * * mine\n"
        replace(site, plan(way="scrontab"))
        check_schedule(site, "/shared/s", "nightly")
        site.crontab = "0 * * * * mine\n"
        with pytest.raises(SlurmError, match="scrontab has no entry"):
            check_schedule(site, "/shared/s", "nightly")

    def test_a_silent_controller(self, site: Site) -> None:
        check(site)
        site.silent = True
        with pytest.raises(SlurmError, match=r"does not answer on this machine: .*Unable to contact"):
            check(site)
        site.write("/shared/s", {PLAN: plan().model_dump_json()})
        with pytest.raises(SlurmError, match="Unable to contact"):
            check_schedule(site, "/shared/s", "nightly")
