"""What jobs print, passed on: of hundreds of files those that have grown."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.orchestration.slurm.follow import KEPT, Follower
from podium.orchestration.slurm.script import OUTPUT
from podium.orchestration.slurm.transport import BLOCK, Done, Transport


class Counting(Transport):
    """This machine, reached as a login node is: by commands."""

    def run(self, *command: str, stdin: str = "") -> Done:
        calls.append(command)
        done = Transport().run(*command, stdin=stdin)
        assert sum(map(len, command)) < 1000, "a command line has an end"
        return done


calls: list[tuple[str, ...]] = []


@pytest.fixture(params=[Transport(), Counting("login")], ids=["here", "commands"])
def transport(request: pytest.FixtureRequest) -> Transport:
    calls.clear()
    return request.param  # type: ignore[no-any-return]


def test_of_hundreds_only_what_has_grown(transport: Transport, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    follower = Follower(transport, 0.0, lambda label, line: told.append((label, line)))
    folders = [tmp_path / f"a job {number}" for number in range(300)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        follower.add(str(folder), f"job{number}")
    follower.read()
    assert told == [], "no file is there yet"
    (folders[7] / OUTPUT).write_text("one\ntwo\nthr")
    (folders[250] / OUTPUT).write_bytes("größer\n10 %\r20 %\n\xff\n".encode("latin-1"))
    calls.clear()
    follower.read()
    assert len(calls) == (2 if transport.host else 0)
    assert sorted(told) == [("job250", "20 %"), ("job250", "gr��er"), ("job250", "�"), ("job7", "one"), ("job7", "two")]
    calls.clear()
    follower.read()
    assert len(calls) == (1 if transport.host else 0), "nothing has grown"
    with (folders[7] / OUTPUT).open("a") as stream:
        stream.write("ee")
    assert follower.end(str(folders[7])) == ["one", "two", "three"]
    assert told[-1] == ("job7", "three")
    assert follower.end(str(folders[7])) == [], "it is followed no longer"


def test_a_long_output_is_passed_on_to_its_end(transport: Transport, tmp_path: Path) -> None:
    told: list[str] = []
    follower = Follower(transport, 3600.0, lambda _, line: told.append(line))
    follower.add(str(tmp_path), "job")
    lines = [f"line {number}" for number in range(3 * BLOCK // 10)]
    (tmp_path / OUTPUT).write_text("\n".join(lines))
    assert follower.end(str(tmp_path)) == lines[-KEPT:]
    assert told == lines
