"""Ports for the servers of tests."""

from __future__ import annotations

import os
import random
import socket

_FIRST, _EACH, _WORKERS = 20_000, 3_000, 4
_given: set[int] = set()


def free_port() -> int:
    """A port of this machine that nobody listens on, and that was not given before.

    Servers bind it some time later. So pytest's workers have ranges of their own, below the ports that the kernel hands
    out itself, and draw at random.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + worker % _WORKERS * _EACH
    for port in random.SystemRandom().sample(range(first, first + _EACH), 100):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # as one that was closed a moment ago
                continue
        _given.add(port)
        return port
    raise RuntimeError("a hundred ports are taken")
