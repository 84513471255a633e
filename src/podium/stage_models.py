"""The folder of models between DVC's stages: a folder a candidate, and who failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from podium import atomic
from podium.bundle import Bundle
from podium.config import Candidate, Frozen
from podium.digest import digest_json
from podium.errors import PodiumError, RegistryError
from podium.results import Failure

FAILURES: Final = "failures.json"
"""No candidate can be called so, as names have no dots."""


class FailureRecord(Failure):
    """A failed candidate, in ``failures.json``."""

    identity: str
    """See ``identity_of``: a later configuration is not told of an earlier failure."""


class Failures(Frozen):
    """The content of ``failures.json``."""

    schema_version: Literal[1] = 1
    failures: dict[str, FailureRecord]
    """By the candidates' names."""


def identity_of(candidate: Candidate, data_digest: str) -> str:
    """SHA-256 over what is trained, on which data; threads differ between machines that share models through DVC."""
    return digest_json([candidate.model_dump(mode="json", exclude={"threads"}), data_digest])


def save_models(
    models: Path, bundles: Mapping[str, Bundle], failures: Mapping[str, Failure], identities: Mapping[str, str]
) -> None:
    """Replace the folder as a whole; all are by the candidates' names. Raises OSError and leaves the old one."""
    record = {
        name: FailureRecord(**failure.model_dump(), identity=identities[name]) for name, failure in failures.items()
    }
    with atomic.new_directory(models) as folder:
        for name, bundle in bundles.items():
            (folder / name).mkdir()
            bundle.save(folder / name)
        if record:
            atomic.write_text(folder / FAILURES, Failures(failures=record).model_dump_json(indent=2) + "\n")


def open_models(models: Path, identities: Mapping[str, str]) -> tuple[dict[str, Bundle], dict[str, Failure]]:
    """The models of candidates as they are configured now, and who of them failed.

    Raises:
        PodiumError: A model is missing, or is of another configuration or other data: a training that failed left it.
        RegistryError: A model, or ``failures.json``, cannot be read.
    """
    failures = _failures(models / FAILURES, identities)
    bundles = {name: _bundle(models, name, identity) for name, identity in identities.items() if name not in failures}
    return bundles, failures


def _failures(file: Path, identities: Mapping[str, str]) -> dict[str, Failure]:
    try:
        recorded = Failures.model_validate_json(file.read_text(encoding="utf-8")).failures
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # pydantic's errors are ValueErrors
        raise RegistryError(f"{file}: not a readable record of failures ({error})", remedy="train again") from None
    return {
        name: Failure(cause=recorded[name].cause, remedy=recorded[name].remedy)
        for name, identity in identities.items()
        if name in recorded and recorded[name].identity == identity
    }


def _bundle(models: Path, name: str, identity: str) -> Bundle:
    remedy = f"train first: podium train CONFIG --models {models}"
    if not (models / name).is_dir():
        raise PodiumError(f"{models}: there is no model of {name}", remedy=remedy)
    bundle = Bundle.load(models / name)
    if identity_of(bundle.candidate, bundle.data_digest) != identity:
        raise PodiumError(
            f"{models / name}: it was trained from another configuration or on other data than those of now",
            remedy=remedy,
        )
    return bundle
