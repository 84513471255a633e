"""The processes of the harness: those that act and may be killed, and those that look afterwards."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from podium.errors import PodiumError
from podium.registry.audit import audit, repair
from podium.registry.sync import sync
from podium.settings import Settings
from tests.kills import invariants
from tests.kills.operations import PEOPLE, VERSIONS, Operation, enter, perform, tamper
from tests.kills.points import Points
from tests.registry.support import AUTHOR

READY: Final = b"ready"


def tell(pipe: int, value: Any) -> None:
    """At once, since the process may be killed next."""
    os.write(pipe, json.dumps(value).encode())


def work(settings: Settings, operation: Operation, gate: int, told: int, points: Points) -> int:
    """What a process does that may be killed."""
    try:
        house = enter(settings)
        tamper(house, operation)
        points.install()
        os.write(told, READY)
        os.read(gate, 1)
        begun, refused = time.monotonic(), None
        try:
            perform(house, operation)
        except PodiumError as error:
            refused = error.message
        tell(told, {"reached": points.reached, "seconds": time.monotonic() - begun, "refused": refused})
    except BaseException as error:  # noqa: BLE001 - told, and a fault
        tell(told, repr(error))
        return 1
    return 0


def begin(settings: Settings) -> dict[str, Any]:
    """A house with a few reviews to decide on."""
    house = enter(settings)
    for version in range(1, VERSIONS):
        for kind in ("register", "open"):
            perform(house, Operation(kind, version, AUTHOR))
    return invariants.look(house)


def recover(settings: Settings, operation: Operation, how: str, *, tampered: bool) -> dict[str, Any]:
    """Look, do what the next process does, and look again."""
    house = enter(settings)
    faults = invariants.broken(house, tampered=tampered)
    pending = len(invariants.state_of(house).pending)
    if how == "again":
        with suppress(PodiumError):  # it had been recorded, or somebody was faster
            perform(house, operation)
    if how in ("again", "sync"):
        sync(settings, client=house.client)
        faults += audit(settings, client=house.client).findings
    elif how == "repair":
        faults += repair(settings, client=house.client).findings  # of an audit afterwards
    if how != "none":
        faults += [*invariants.broken(house, tampered=False), *invariants.unsettled(house)]
    return {"faults": faults, "pending": pending, **invariants.look(house)}


def ask(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer of a function in a process of its own: this one opens no connection, for its forks would have it."""
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        with os.fdopen(writing, "w") as stream:
            json.dump(function(), stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    if os.waitpid(process, 0)[1]:
        sys.exit("the process that looks after a kill failed")
    answer: dict[str, Any] = json.loads(said)
    return answer


def warm_up(settings: Settings) -> None:
    """Do everything once, so that forks find modules, mappers, compiled statements and digests made."""
    house = enter(settings)
    for kind in ("register", "open", "approve", "sync", "repair"):
        perform(house, Operation(kind, 1, PEOPLE[0]))
    last = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < last:  # those that fetched artifacts
        gc.collect()
        time.sleep(0.01)
