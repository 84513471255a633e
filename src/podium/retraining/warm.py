"""Warm starts: which candidates start from the champion's weights, and whether that would judge them fairly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from podium.bundle import Bundle
from podium.config import Candidate, Start
from podium.data import Dataset
from podium.data.content import row_digests
from podium.errors import ConfigError, DataError
from podium.wording import plural

_SCRATCH = "start from scratch: retraining.start: scratch"


def warm_started(candidates: Sequence[Candidate], champion: Bundle, start: Start, dataset: Dataset) -> list[Candidate]:
    """The candidates; those with the champion's network start from its weights.

    Args:
        candidates: What is to be trained.
        champion: The champion.
        start: Which version it is.
        dataset: What they are trained and judged on.

    Raises:
        ConfigError: None of them has the champion's network.
        DataError: Classes or sizes are others than the champion's, or it has learned images that candidates are chosen
            or judged on now.
    """
    own, contract, manifest = champion.candidate.recipe.model, champion.contract, dataset.manifest
    here = (manifest.class_names, manifest.height, manifest.width)
    if (contract.class_names, contract.height, contract.width) != here:
        raise DataError(
            f"{dataset.path} has other classes or another size of images than the champion knows: nothing can start"
            f" from version {start.version} of {start.model}",
            remedy=_SCRATCH,
        )
    made = [one.model_copy(update={"start": start}) if one.recipe.model == own else one for one in candidates]
    if not any(one.start for one in made):
        raise ConfigError(
            f"retraining.start: champion: no candidate has the network of the champion"
            f" ({champion.candidate.recipe.id}, version {start.version} of {start.model})",
            remedy=f"retraining.champions_recipe: true adds one; or {_SCRATCH}",
        )
    check_unseen(champion, start, dataset)
    return made


def check_unseen(champion: Bundle, start: Start, dataset: Dataset) -> None:
    """Refuse a warm start that would be chosen or judged on what the champion has learned.

    Images that the training split holds as well are left out: they are learned in any case, and the validation of the
    data tells of them.

    Raises:
        DataError: The champion was trained on validation images, or trained or chosen on test images; or nobody kept on
            which ones.
    """
    if champion.seen is None or champion.trained is None:
        raise DataError(
            f"version {start.version} of {start.model} does not tell which images it has learned, so nothing can start"
            " from it",
            remedy=f"{_SCRATCH}; versions that are registered from now on tell",
        )
    learned = row_digests(dataset["train"].images)
    for split, known, what in (
        ("validation", champion.trained, "was trained on"),
        ("test", champion.seen, "was trained or chosen on"),
    ):
        rows = row_digests(dataset[split].images)
        count = int((np.isin(rows, known) & ~np.isin(rows, learned)).sum())
        if count:
            raise DataError(
                f"{dataset.path}: version {start.version} of {start.model} {what} {plural(count, 'image')} that the"
                f" {split} split holds now: a candidate that starts from it would be flattered",
                remedy=f"keep the splits of former data versions; or {_SCRATCH}",
            )
