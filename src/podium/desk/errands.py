"""Recorded decisions on their way: carried out one after the other, while pages tell how far they are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Literal

from podium.errors import PodiumError
from podium.registry.finishing import Recorded

Work = Callable[[], None]
_KEPT: Final = 100
"""Errands that are done and are remembered."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Errand:
    """How far a decision is."""

    state: Literal["under way", "done", "failed"]
    warnings: tuple[str, ...] = ()
    """Notices that did not go out, a promotion without a pipeline run."""
    error: PodiumError | None = None


class Errands:
    """What this desk finishes in the background. Nothing is lost with it: the log tells what was not carried out.

    Args:
        start: Takes work to be done soon; a thread of its own by default, which ends its work before the process ends.
    """

    def __init__(self, start: Callable[[Work], None] | None = None) -> None:
        self._start = start
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._found: dict[int, Errand] = {}

    def take(self, recorded: Recorded, notes: Sequence[str] = ()) -> None:
        """Finish a decision soon. ``notes`` are read when it is done: what its carrier had to say."""
        seq = recorded.decision.seq
        self._put(seq, Errand("under way"))
        self._begin(lambda: self._finish(recorded, seq, notes))

    def of(self, decision: int) -> Errand | None:
        """What became of a decision's errand; None if this desk has had none, or forgot."""
        with self._lock:
            return self._found.get(decision)

    @property
    def under_way(self) -> frozenset[int]:
        """Events of the decisions that are being carried out."""
        with self._lock:
            return frozenset(seq for seq, errand in self._found.items() if errand.state == "under way")

    def close(self) -> None:
        """Wait for what is under way; nothing is taken any more."""
        if self._pool is not None:
            self._pool.shutdown()

    def _begin(self, work: Work) -> None:
        if self._start is not None:
            self._start(work)
            return
        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk-errands")
        self._pool.submit(work)

    def _finish(self, recorded: Recorded, seq: int, notes: Sequence[str]) -> None:
        try:
            done = Errand("done", recorded.finish().warnings)
        except PodiumError as error:
            _log.warning("decision %d was not carried out: %s", seq, error.message)
            done = Errand("failed", error=error)
        except Exception:  # noqa: BLE001 - whatever it was, the page has to stop saying that the decision is under way
            _log.exception("decision %d was not carried out", seq)
            mistake = PodiumError("the desk made a mistake", remedy="its log says more; run `podium review sync`")
            done = Errand("failed", error=mistake)
        self._put(seq, replace(done, warnings=(*notes, *done.warnings)))

    def _put(self, seq: int, errand: Errand) -> None:
        with self._lock:
            self._found[seq] = errand
            for old in sorted(self._found)[:-_KEPT]:
                if self._found[old].state != "under way":
                    del self._found[old]
