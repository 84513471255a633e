"""ZenML's schedule commands as changes of plan, queue and crontab; Slurm is a stand-in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podium.orchestration.slurm.plan import PLAN, VARIABLES, read_plan
from podium.orchestration.slurm.schedules import begin, change, edited, end, planned, replace, tick_script, zone_of
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig
from podium.orchestration.slurm.transport import Done, SlurmError
from tests.cluster.stand_in import ID, NOON, Site, plan


@pytest.fixture
def site() -> Site:
    made = Site()
    made.write("/shared/s", {VARIABLES: json.dumps({"TOKEN": "t", "ZENML_CONFIG_PATH": "x"})})
    return made


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

    def test_one_that_is_made_elsewhere_goes_on_when_the_clusters_checkout_is_updated(self, site: Site) -> None:
        begin(site, plan(), {"TOKEN": "t", "PODIUM_CODE": "that of today"})
        assert json.loads(site.files["/shared/s"][VARIABLES]) == {"TOKEN": "t"}

    def test_a_change_that_slurm_refuses_leaves_the_schedule_as_it_was(self, site: Site) -> None:
        replace(site, plan())
        [before] = site.pending()
        site.refuses = "Invalid qos specification"
        with pytest.raises(SlurmError):
            change(site, "/shared/s", "0 4 * * *", None)
        assert (read_plan(site, "/shared/s"), site.pending()) == (plan(given=1), [before])

    def test_the_number_of_a_change_that_broke_off_is_never_used_again(self, site: Site) -> None:
        replace(site, plan())
        site.silent = True  # its tick is queued, and the one before it cannot be cancelled
        with pytest.raises(SlurmError):
            change(site, "/shared/s", "0 4 * * *", None)
        site.silent = False
        assert [name[-2:] for name in site.pending()] == [".0", ".1"]
        change(site, "/shared/s", "0 5 * * *", None)
        [only] = site.pending()
        assert only.endswith("T050000Z.2")

    def test_a_change_that_broke_off_leaves_scrontab_as_it_was(self, site: Site) -> None:
        site.crontab = "0 * * * * mine\n"
        replace(site, plan(way="scrontab"))
        before, site.silent = site.crontab, True
        with pytest.raises(SlurmError):
            change(site, "/shared/s", "0 4 * * *", None)
        assert site.crontab == before

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
        assert edited("a\nb\n", ID, "") == "a\nb\n"
        assert edited("", ID, "c\n").splitlines()[1] == "c"

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
