"""Schedules as text and as a table of times: what a plan says, and what ticks make of it; Slurm is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from podium.orchestration.slurm.plan import PLAN, RUNS, VARIABLES, Plan, of_stamp, stamp
from podium.orchestration.slurm.schedules import change, edited, end, planned, replace, tick_script, zone_of
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmSettings
from podium.orchestration.slurm.tick import tick
from podium.orchestration.slurm.transport import Done, SlurmError, Transport

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
        self.files = files if files is not None else {}
        self.queue: dict[str, tuple[str, str, str]] = {}  # job to name, folder, state

    def run(self, *command: str, stdin: str = "") -> Done:
        if command[:2] == ("sh", "-c"):
            if "sbatch" in command[2]:
                folder = command[-1].rpartition("/")[0]
                script = self.files[folder]["job.sh"]
                name = script.partition("--job-name=")[2].split("\n")[0]
                self.queue[job := str(len(self.queue) + 1)] = (name, folder, "PENDING")
                return Done(0, job, "")
            if "scrontab" in command[2]:
                return Done(0, "ScronParameters = enable\n", "") if self.crontab is not None else Done(1, "", "")
            return Done(0, "/usr/share/zoneinfo/Europe/Berlin\n", "")
        if command[0] == "squeue":
            name = next((part.partition("=")[2] for part in command if part.startswith("--name=")), None)
            states = ("PENDING",) if "--states=PENDING" in command else ("PENDING", "RUNNING")
            fields = command[-1].partition("=")[2].split("|")
            lines = [
                "|".join({"%i": job, "%j": called, "%Z": folder}[key] for key in fields)
                for job, (called, folder, state) in self.queue.items()
                if state in states and name in (None, called)
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
        hourly = plan(cron="30 * * * *", zone="Europe/Berlin")
        assert hourly.due_after(first) == first + timedelta(hours=1)

    def test_a_time_of_day_that_is_left_out_is_made_up_for(self) -> None:
        nightly = plan(cron="30 2 * * *", zone="Europe/Berlin")
        assert nightly.due_after(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)

    def test_next_is_strictly_after_and_last_is_up_to(self) -> None:
        quarters = plan()
        assert quarters.due_after(NOON) == NOON + timedelta(minutes=15)
        assert quarters.due_at(NOON) == NOON
        assert quarters.due_at(NOON - timedelta(seconds=1)) == NOON - timedelta(minutes=15)

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


class TestCommands:
    def test_update_and_delete_of_jobs(self, site: Site) -> None:
        replace(site, plan())
        change(site, "/shared/s", "0 4 * * *", None)
        [only] = site.pending()
        assert only.endswith("T040000Z.1")
        change(site, "/shared/s", None, False)
        assert site.pending() == []
        change(site, "/shared/s", None, True)
        assert site.pending()[0].endswith("T040000Z.3")
        end(site, "/shared/s")
        assert site.pending() == []
        assert VARIABLES not in site.files["/shared/s"]
        end(site, "/shared/s")
        with pytest.raises(SlurmError, match="no schedule is there any more"):
            change(site, "/shared/s", None, True)

    def test_scrontab_keeps_the_lines_of_others(self, site: Site) -> None:
        site.crontab = "MAILTO=ada\n0 * * * * mine\n"
        replace(site, plan(way="scrontab", folder="/shared/a b"))
        lines = site.crontab.splitlines()
        assert lines[:3] == ["MAILTO=ada", "0 * * * * mine", f"# Podium: ZenML schedule {ID}"]
        assert lines[-2:] == ["*/15 * * * * '/shared/a b/tick.sh'", f"# Podium: end of {ID}"]
        assert set(lines[3:-2]) == {
            "#SCRON --job-name=retraining.schedule.12345678", "#SCRON --nodes=1", "#SCRON --ntasks=1",
            "#SCRON --cpus-per-task=1", "#SCRON --mem=3G", "#SCRON --partition=gpu", "#SCRON --nice=10",
            f"#SCRON --comment=ZenML_schedule_{ID}", "#SCRON --output=/dev/null",
        }  # fmt: skip
        change(site, "/shared/a b", "0 4 * * *", None)
        assert site.crontab.count("tick.sh") == 1
        assert "0 4 * * * '/shared/a b/tick.sh'" in site.crontab
        end(site, "/shared/a b")
        assert site.crontab == "MAILTO=ada\n0 * * * * mine\n"

    def test_an_entry_without_its_end_takes_no_other_along(self) -> None:
        assert edited("a\nb\n", "x", "") == "a\nb\n"
        assert edited("", "x", "c\n").splitlines()[1] == "c"

    def test_the_script_of_scrontab(self) -> None:
        script = tick_script(plan(folder="/shared/a b"))
        assert "cd '/shared/a b' 2>/dev/null || exit 0" in script
        assert "exec /v/python -m podium.orchestration.slurm.tick '/shared/a b'" in script

    @pytest.mark.parametrize(
        ("config", "crontab", "values", "way"),
        [
            ({}, "", {}, "scrontab"), ({}, None, {}, "job"), ({"time_zone": "UTC"}, "", {}, "job"),
            ({"schedules": "job"}, "", {}, "job"), ({}, "", {"catchup": True}, "job"),
            ({}, "", {"end": NOON}, "job"), ({"schedules": "scrontab"}, "", {}, "scrontab"),
        ],
    )  # fmt: skip
    def test_which_way(self, config: dict[str, str], crontab: str | None, values: dict[str, Any], way: str) -> None:
        site = Site(crontab=crontab)
        found = planned(
            site,
            SlurmOrchestratorConfig.model_validate({"folder": "/f", **config}),
            **plan().model_dump(exclude={"way", "zone"}) | values,
        )
        assert (found.way, found.zone) == (way, config.get("time_zone", "Europe/Berlin"))

    def test_scrontab_that_is_asked_for_has_to_be_there(self) -> None:
        config = SlurmOrchestratorConfig.model_validate({"folder": "/f", "schedules": "scrontab"})
        with pytest.raises(SlurmError, match="there is no scrontab here"):
            planned(Site(), config, **plan().model_dump(exclude={"way", "zone"}))

    def test_what_would_never_fire_is_refused(self, site: Site) -> None:
        with pytest.raises(SlurmError, match="would never fire"):
            replace(site, plan(cron=None, once=NOON))
        assert PLAN not in site.files["/shared/s"]

    def test_a_zone_that_cannot_be_told_is_asked_for(self) -> None:
        class Nameless(Site):
            def run(self, *command: str, stdin: str = "") -> Done:
                return Done(0, "/etc/localtime\n", "")

        with pytest.raises(SlurmError, match="time zone of this machine cannot be told"):
            zone_of(Nameless())

    @pytest.mark.parametrize("values", [{"time_zone": "Mars/Base"}, {"time_zone": "UTC", "schedules": "scrontab"}])
    def test_refused_settings(self, values: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="time_zone"):
            SlurmOrchestratorConfig.model_validate({"folder": "/f", **values})
