"""Why a candidate failed, what can be done about it, and whether it would fail again."""

from __future__ import annotations

from collections.abc import Mapping

from podium.errors import ConfigError, PodiumError, TrainingCutShort, TrainingFailed
from podium.results import Failure


def failure_of(error: BaseException) -> Failure:
    """The cause that an error names, and its remedy; of an error that is none of ours, its class and first line."""
    # ZenML makes a job's error anew from its whole text; where the step is none of ``podium.orchestration.step``, also
    # of a second class, which it finds as "src.podium.errors".
    if isinstance(error, PodiumError) or type(error).__module__.endswith("podium.errors"):
        cause, _, remedy = str(error).partition("\n  →")
        return Failure(cause=cause, remedy=remedy.strip())
    return Failure(cause=f"{type(error).__name__}: {error}".splitlines()[0])


def may_work_next_time(error: BaseException) -> bool:
    """Whether an error comes from outside: what a training reports while it handles a file's error does so, too."""
    own = isinstance(error, (TrainingFailed, ConfigError, RuntimeError)) and not isinstance(error, TrainingCutShort)
    return not own or isinstance(error.__context__, OSError)


def told(failures: Mapping[str, Failure]) -> str:
    """Who failed of what, with remedies, indented so that they follow a sentence."""
    return "\n".join(
        f"  {name}: {failure.cause}" + (f"\n    → {failure.remedy}" if failure.remedy else "")
        for name, failure in failures.items()
    )
