"""The drift that a dossier tells: of the test split from the training split, and of the data from the champion's."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from podium.data import Dataset
from podium.dossier.facts import Caution, DataDrift
from podium.drift.config import DriftConfig
from podium.drift.detect import detect_drift
from podium.drift.population import DatasetPopulation
from podium.drift.profile import DataProfile, profile_of
from podium.drift.results import DriftReport
from podium.drift.side import LEAST
from podium.drift.versions import compare_profiles
from podium.errors import RegistryError, ReviewError
from podium.gate.result import GateResult
from podium.registry import documents, tracking, versions
from podium.report.text import listing
from podium.settings import Settings

_SPLITS: Final = {"train": "training", "test": "test"}


def split_drift(dataset: Dataset) -> DriftReport | None:
    """Whether the test split looks like the training split, by labels and pixels; None with too few images."""
    if min(len(dataset["train"]), len(dataset["test"])) < LEAST:
        return None
    sides = [DatasetPopulation(split, dataset, (split,)) for split in ("train", "test")]
    report, _ = detect_drift(sides[0], sides[1], None, DriftConfig())
    return report


def data_drift(settings: Settings, dataset: Dataset, model: str, gate: GateResult) -> DataDrift:
    """The run's data version against the champion's, from what was kept when that was registered.

    Nothing is computed where both are of the same version. Where nothing was kept, or it was changed since, that is
    told: the decision need not wait for it.

    Raises:
        RegistryError: The champion's version is gone.
    """
    number = gate.champion.version
    if number is None:
        return DataDrift(state="no champion", sentence="There is no champion to compare the data with.")
    client = tracking.client(settings)
    champion = versions.from_mlflow(versions.get_version(client, model, number))
    told = {"version": number, "data": champion.digests.data}
    if champion.digests.data == dataset.manifest.digest:
        return DataDrift(state="same data", sentence=f"The champion, version {number}, is of the same data.", **told)
    cause = "it was registered before statistics of the data were kept"
    try:
        text = documents.data_profile(settings, champion, client=client)
        kept = None if text is None else DataProfile.model_validate_json(text)
    except (ReviewError, RegistryError) as error:
        kept, cause = None, error.message
    except ValidationError as error:
        kept, cause = None, f"its data profile cannot be read ({error.error_count()} errors)"
    if kept is None:
        sentence = f"How the data differs from the champion's is not known: of version {number}, {cause}."
        return DataDrift(state="unknown", sentence=sentence, **told)
    splits = compare_profiles(kept, profile_of(dataset))
    drifted = [_SPLITS[split.split] for split in splits if split.drift]
    sentence = f"The data is of another version than the champion's (version {number}); "
    sentence += f"the {listing(drifted)} images are not like its." if drifted else "no drift was found."
    return DataDrift(state="compared", sentence=sentence, splits=splits, **told)


def drift_cautions(test: DriftReport | None, data: DataDrift) -> list[Caution]:
    """What of both a reviewer should know."""
    found = []
    if test is None:
        found.append(
            f"whether the test images look like the training images was not tested: fewer than {LEAST} on a side"
        )
    elif test.drift:
        found.append(f"the test images are not like the training images: {test.sentence}")
    found += [
        f"the {_SPLITS[split.split]} images are not like those of the champion's data: {split.sentence}"
        for split in data.drifted
    ]
    if data.state == "unknown":
        found.append(data.sentence)
    return [Caution(topic="drift", text=text) for text in found]
