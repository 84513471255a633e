"""All drift tests on two samples, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import digest_images, number_groups
from podium.drift.classes import ClassTable, class_table
from podium.drift.config import DriftConfig, Minimum
from podium.drift.decision import decide, kinds, sentence, unreadable
from podium.drift.embedding import Embedding, classifier_test
from podium.drift.features import FeatureSource
from podium.drift.labels import label_tests, shares_test
from podium.drift.pixels import PIXEL_STATISTICS, pixel_statistics
from podium.drift.population import Population
from podium.drift.power import warnings, with_detectable
from podium.drift.results import DriftReport, SkippedTest, TestResult, Unreadable
from podium.drift.side import Side, draw_side
from podium.drift.univariate import pixel_tests
from podium.report.text import plural

NO_FEATURES_SIZE = (32, 32)
"""What images are compared at where neither a network nor a data set says it."""

Table = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Evidence:
    """What the report draws: the samples and what was measured on them."""

    reference: Side
    current: Side
    reference_pixels: Table
    current_pixels: Table
    classes: ClassTable | None
    """Of the labels, or of the predicted classes where there are none."""
    embedding: Embedding | None


def detect_drift(
    reference: Population, current: Population, features: FeatureSource | None, config: DriftConfig
) -> tuple[DriftReport, Evidence]:
    """Compare two populations of images.

    Args:
        reference: What the current images should be like.
        current: Images of today.
        features: For the embedding test; None leaves it out.
        config: Level, samples, minimum effects.

    Raises:
        DataError: A side has too few images that can be decoded.
    """
    size, resize = (features.size, features.resize) if features else (reference.size or NO_FEATURES_SIZE, "stretch")
    # Different seeds: with one, two copies of a data set would be sampled at the same places.
    sides = [
        draw_side(population, size, resize, sample=config.sample, seed=[config.seed, index])
        for index, population in enumerate((reference, current))
    ]
    return compare(sides[0], sides[1], features, config)


def compare(
    reference: Side, current: Side, features: FeatureSource | None, config: DriftConfig
) -> tuple[DriftReport, Evidence]:
    """Test two sides that are decoded to the size of ``features``."""
    seen = (features.extract(reference.images), features.extract(current.images)) if features else None
    pixels = pixel_statistics(reference.images), pixel_statistics(current.images)
    files = unreadable(
        len(current.summary.unreadable), current.summary.compared + len(current.summary.unreadable), config.unreadable
    )
    labels = (reference.labels, reference.class_names), (_labels(current, files), current.class_names)
    classes = predicted = None
    if labels[0][0] is not None and labels[1][0] is not None:
        classes = class_table(labels[0], labels[1])  # type: ignore[arg-type]
    elif features and seen and seen[0].predicted is not None and seen[1].predicted is not None:
        predicted = class_table((seen[0].predicted, features.class_names), (seen[1].predicted, features.class_names))
    digests = [digest_images(side.images) for side in (reference, current)]
    results, embedding, permutations = run_tests(
        classes or predicted,
        pixels,
        (seen[0].vectors, seen[1].vectors) if seen else None,
        config,
        predicted=predicted is not None,
        groups=number_groups([*digests[0], *digests[1]]),
    )
    skipped = []
    if classes is None:
        who = [side.summary.name for side in (reference, current) if side.labels is None]
        instead = "; the champion's predictions are tested instead" if predicted else ""
        reason = f"no labels in {' and '.join(who)}{instead}"
        skipped = [SkippedTest(name=name, reason=reason) for name in ("labels", "classes")]
    if features is None:
        skipped.append(SkippedTest(name="embedding", reason="not asked for (--features none)"))
    report = DriftReport(
        drift=bool(found := kinds(results, files)),
        kinds=found,
        sentence=sentence(results, config.alpha, files),
        alpha=config.alpha,
        seed=config.seed,
        permutations=permutations,
        features=features.title if features else "none",
        reference=reference.summary,
        current=current.summary,
        unreadable=files,
        tests=results,
        skipped=tuple(skipped),
        warnings=warnings(
            results,
            reference=reference.summary.compared,
            current=current.summary.compared,
            labelled=classes is not None,
        ),
        notes=_notes(reference, current, classes, digests),
    )
    return report, Evidence(reference, current, *pixels, classes or predicted, embedding)


def _labels(current: Side, files: Unreadable) -> NDArray[np.int64] | None:
    """Of all images that are there, as far as is known; of the sample's alone where many others will be unreadable."""
    return current.sample_labels if files.verdict == "drift" else current.labels


def run_tests(
    classes: ClassTable | None,
    pixels: tuple[Table, Table] | None,
    vectors: tuple[NDArray[np.floating], NDArray[np.floating]] | None,
    config: DriftConfig,
    *,
    predicted: bool = False,
    groups: NDArray[np.int64] | None = None,
) -> tuple[tuple[TestResult, ...], Embedding | None, int]:
    """Make the tests on what was measured, and decide.

    Args:
        classes: Counts of labels or predicted classes; None leaves their tests out.
        pixels: Statistics of the reference's and the current images; None leaves their tests out.
        vectors: Features of both, N×F and M×F; None leaves the embedding test out.
        config: Level, seed, minimum effects.
        predicted: ``classes`` are predictions, which say nothing of classes that are missing altogether.
        groups: int64 N+M: numbers that identical images share.

    Returns:
        The decided tests, the embedding's scores, and the number of permutations.
    """
    least: Minimum = config.minimum
    count = 0 if classes is None else 1 if predicted else 2
    count += (len(PIXEL_STATISTICS) if pixels else 0) + (1 if vectors else 0)
    permutations = config.permutations_for(count)
    results: list[TestResult] = []
    if classes:
        arguments: Any = {"minimum": least.labels, "draws": permutations, "seed": config.seed}
        if predicted:
            results.append(shares_test("predictions", classes.counts, classes.names, **arguments))
        else:
            results += label_tests(classes.counts, classes.names, **arguments)
    if pixels:
        results += pixel_tests(*pixels, minimum=least.pixels)
    embedding = None
    if vectors:
        embedding = classifier_test(*vectors, permutations=permutations, seed=config.seed, groups=groups)
        results.append(_embedding_result(embedding, least.embedding))
    results = with_detectable(
        results,
        level=config.alpha / count,
        classes=int((classes.counts.sum(axis=0) > 0).sum()) if classes else 0,
        deviation=embedding.null_deviation if embedding else 0.0,
    )
    return decide(results, config.alpha), embedding, permutations


def _embedding_result(found: Embedding, minimum: float) -> TestResult:
    return TestResult(
        group="embedding",
        name="embedding",
        method="classifier two-sample test",
        statistic=found.auc,
        p_value=found.p_value,
        effect=found.auc,
        effect_name="area under the ROC curve",
        effect_minimum=minimum,
        detail=f"a classifier tells the sides apart, AUC {found.auc:.2f}",
        reference_count=len(found.reference_scores),
        current_count=len(found.current_scores),
    )


def _notes(reference: Side, current: Side, classes: ClassTable | None, digests: list[list[bytes]]) -> tuple[str, ...]:
    notes = [*reference.notes, *current.notes]
    if classes and classes.note:
        notes.append(classes.note)
    for side in (reference, current):
        if side.summary.unreadable:
            notes.append(f"{side.summary.name}: {plural(len(side.summary.unreadable), 'image')} could not be decoded.")
    known = set(digests[0])
    if shared := sum(digest in known for digest in digests[1]):
        verb = "stands" if shared == 1 else "stand"
        notes.append(f"{plural(shared, 'image')} of the current sample also {verb} in the reference's.")
    return tuple(notes)
