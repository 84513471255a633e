"""The process that imports everything once, and then makes the ones that are killed.

``python -m tests.kills.killing FOLDER MLFLOW_DATABASE COUNT SEED [URI]`` tells on standard output, a JSON list, where
each kill struck; and ends with an error as soon as something is broken.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from podium.registry.state import ModelState
from podium.settings import Settings
from tests.kills.enough import lacking
from tests.kills.operations import QUORUM, VERSIONS, Operation, crowd, possible
from tests.kills.points import Points, drawn
from tests.kills.processes import READY, ask, begin, recover, tell, warm_up, work
from tests.registry.support import make_bundle

ROUNDS: Final = 30
"""In one house."""
HOUSES: Final = 40
CROWDED: Final = 0.5
"""Share of the rounds, where there is something to decide, in which eight processes act at once."""
STRUCK: Final = 0.75
"""Share of the processes that are to be killed at a place; not all get there."""
LATE: Final = 0.4
"""Share of those that are to be killed at any time."""
RECOVERIES: Final = ("sync", "repair", "again", "none")


class Killing:
    """Makes houses, and kills in them.

    Args:
        folder: Where the houses are built.
        template: An MLflow database with its tables.
        rng: Draws everything.
        uri: A PostgreSQL database that all houses share; SQLite without.
    """

    def __init__(self, folder: Path, template: Path, rng: Random, uri: str | None) -> None:
        self.folder, self.template, self.rng, self.uri = folder, template, rng, uri
        self.reached: dict[str, dict[str, int]] = {}
        self.seconds: dict[str, float] = {}
        self.kills: list[dict[str, Any]] = []

    def house(self, number: int) -> Settings:
        """A new one; number 0 is this process's own, which shares no connections."""
        state = self.folder / f"house-{number}" / "state"
        state.mkdir(parents=True)
        root = state.parent
        (root / "configs").mkdir()
        (root / "configs" / "promotion.yaml").write_text(f"decision: {{quorum: {QUORUM}}}")
        for version in range(1, VERSIONS + 1):
            (root / f"bundle-{version}").symlink_to(self.folder / f"bundle-{version}")
        if self.uri and number:
            return Settings(root=root, state=state, tracking_uri=self.uri, artifact_root=(root / "shared").as_uri())
        shutil.copyfile(self.template, state / "mlflow.db")
        return Settings(root=root, state=state, tracking_uri=f"sqlite:///{state / 'mlflow.db'}")

    def play(self, number: int, count: int) -> None:
        """Rounds in one house: something happens, is killed some times, and is looked after."""
        settings, tampered = self.house(number), False
        seen = ask(partial(begin, settings))
        for _ in range(ROUNDS):
            state = ModelState.model_validate_json(json.dumps(seen["state"]))
            before = len(self.kills)
            done = crowd(state, seen["registered"], self.rng) if self.rng.random() < CROWDED else []
            if done:
                self.strike(settings, done)
            elif single := possible(state, seen["registered"], self.rng):
                done = [single]
                for _ in range(self.rng.randint(2, 4)):
                    self.strike(settings, done)
            else:
                return  # all is decided
            tampered = tampered or any(operation.kind in ("sync", "repair") for operation in done)
            how = self.rng.choice(RECOVERIES)
            seen = ask(partial(recover, settings, done[0], how, tampered=tampered))
            if seen["faults"]:
                sys.exit(f"after {done} {self.kills[before:]} in house {number}, {how}: {seen['faults']}")
            tampered = tampered and how == "none"
            for kill in self.kills[before:]:
                kill |= {"recovery": how, "pending": seen["pending"]}
            if not lacking(self.kills, count, thorough=self.uri is None):
                return

    def strike(self, settings: Settings, operations: list[Operation]) -> None:
        """Start a process for each operation, let all go at once, and kill most."""
        reading, writing = os.pipe()
        started = [self.start(settings, operation, (reading, writing)) for operation in operations]
        os.close(reading)
        for _, told in started:
            os.read(told, len(READY))
        os.close(writing)  # which all wait for
        self.kill_late([process for process, _ in started], operations)
        for (process, told), operation in zip(started, operations, strict=True):
            with os.fdopen(told) as stream:
                said = stream.read()
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if status == -signal.SIGKILL:
                place = json.loads(said) if said else {}
                if "place" not in place:  # at any time, be it between its last words and its end
                    place = {"kind": "time", "place": "any time"}
                self.kills.append({"operation": operation.kind, "crowd": len(operations), **place})
            elif status != 0:
                sys.exit(f"{operation} failed: {said}")
            else:
                self.learn(operation, **json.loads(said))

    def start(self, settings: Settings, operation: Operation, gate: tuple[int, int]) -> tuple[int, int]:
        """Fork, to be killed at some place; its id, and what it will tell."""
        known = self.reached.get(operation.kind)
        kind, number = drawn(self.rng, known) if known and self.rng.random() < STRUCK else (None, 0)
        told, tells = os.pipe()
        if (process := os.fork()) == 0:
            os.close(gate[1])
            points = Points(kind, number, lambda place: tell(tells, {"kind": kind, "place": place}))
            os._exit(work(settings, operation, gate[0], tells, points))
        os.close(tells)
        return process, told

    def kill_late(self, processes: list[int], operations: list[Operation]) -> None:
        """Kill some after a time within which the operation has been seen to end; they wait for each other."""
        seconds = max(self.seconds.get(operation.kind, 0.0) for operation in operations) * len(operations) ** 0.5
        begun = time.monotonic()
        for delay, process in sorted((self.rng.uniform(0, seconds), process) for process in processes):
            if seconds and self.rng.random() < LATE:
                time.sleep(max(0.0, begun + delay - time.monotonic()))
                os.kill(process, signal.SIGKILL)

    def learn(self, operation: Operation, reached: dict[str, int], seconds: float, refused: str | None) -> None:
        """Remember how many places of each kind an operation reaches, and how long it takes."""
        if refused is None:
            known = self.reached.setdefault(operation.kind, reached)
            known |= {kind: max(count, known.get(kind, 0)) for kind, count in reached.items()}
            self.seconds.setdefault(operation.kind, seconds)


def main(folder: str, template: str, count: str, seed: str, uri: str | None = None) -> None:
    """Warm up, then kill."""
    place, rng = Path(folder), Random(int(seed))
    for version in range(1, VERSIONS + 1):
        make_bundle(place / f"bundle-{version}", seed=version)
    if uri:
        importlib.import_module("psycopg")
    killing = Killing(place, Path(template), rng, uri)
    warm_up(killing.house(0))
    if threading.active_count() > 1:
        raise RuntimeError("something started a thread, which forks would not have")
    gc.collect()
    gc.freeze()
    for number in range(1, HOUSES):
        killing.play(number, int(count))
        if not lacking(killing.kills, int(count), thorough=uri is None):
            break
    json.dump(killing.kills, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
