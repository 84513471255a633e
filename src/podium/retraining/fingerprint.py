"""What a retraining depends on, as digests that are cheap to have: no image is read, no framework is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from podium.code import code_digest
from podium.config.base import Frozen
from podium.config.promotion_file import load_policy
from podium.config.retraining import Changing, RetrainingConfig
from podium.data.restore import recorded_note
from podium.data.store import read_manifest
from podium.digest import digest_json
from podium.models.recipes import resolve_candidates
from podium.settings import Settings

_CODE = ("podium.training", "podium.evaluation", "podium.gate", "podium.validation")


class Fingerprint(Frozen):
    """SHA-256 of each thing that may change; see :data:`podium.config.retraining.Changing`."""

    data: str
    code: str
    config: str
    policy: str

    def changed(self, before: Fingerprint | None) -> tuple[Changing, ...]:
        """What differs from ``before``; all of it where there is none."""
        names = get_args(Changing)
        return tuple(name for name in names if before is None or getattr(self, name) != getattr(before, name))


def fingerprint(config: RetrainingConfig, settings: Settings, *, file: Path | str = "retraining") -> Fingerprint:
    """Look at data set, code, configuration and policy as they are now.

    The data version is the one that its ``.dvc`` file records, where that says it (a pull may be due), else the one
    in place.

    Raises:
        DataError: There is neither a data set nor a record of one.
        ConfigError: A recipe or the policy is refused.
    """
    folder = settings.root / config.data.path
    data = recorded_note(folder.with_name(f"{folder.name}.dvc")) or read_manifest(folder).digest
    candidates = resolve_candidates(config, settings.recipes, file=file)
    counted = config.model_dump(mode="json", exclude={"retraining": {"drift", "watch", "attempts"}})
    resolved = [candidate.model_dump(mode="json", exclude={"threads"}) for candidate in candidates]
    return Fingerprint(
        data=data,
        code=code_digest(*_CODE),
        config=digest_json([counted, resolved]),
        policy=digest_json(load_policy(settings.root).model_dump(mode="json")),
    )
