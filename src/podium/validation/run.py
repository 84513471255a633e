"""Validate a data set: measure, let the suite be judged, say it in words."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits

from podium.contract import InputContract
from podium.data import Dataset
from podium.data.freed import give_back
from podium.digest import digest_json
from podium.validation.bounds import FRACTIONS
from podium.validation.context import Context, prepare
from podium.validation.expected import Suite
from podium.validation.frame import Frame
from podium.validation.judge import LISTED, Verdict, build, engine, judge
from podium.validation.measures import MEASURES
from podium.validation.offending import offending_images
from podium.validation.results import CheckResult, OffendingImage, ValidationReport
from podium.validation.words import fill

MAX_OFFENDING = LISTED
"""Offending images that a result lists; all are counted."""
_SHARES = FRACTIONS | {"difference", "min_difference"}
"""Told in percent, as what ends in ``share`` is."""


def validate_dataset(dataset: Dataset, suite: Suite, contracts: Mapping[str, InputContract]) -> ValidationReport:
    """Check a data set against a suite and the input contracts of the candidates.

    Nothing is raised for bad data: see ``ensure_valid``.

    Args:
        dataset: The data set; its arrays may even be empty or of a wrong type.
        suite: What is expected.
        contracts: For every candidate that will be trained, by its name.

    Raises:
        ConfigError: The suite has a keyword argument that its expectation does not take; nothing was measured.
    """
    objects = build(suite)  # refuses; the first time, it imports Great Expectations, which is not what is timed below
    start = time.perf_counter()
    part_seconds: dict[str, float] = {}
    context = prepare(dataset, contracts)
    part_seconds["statistics"] = time.perf_counter() - start
    frames = _measure(suite, context, part_seconds)
    give_back()
    begin = time.perf_counter()
    verdicts = judge(suite, objects, frames)
    offending = offending_images(verdicts, context)
    results = tuple(_result(verdict, of) for verdict, of in zip(verdicts, offending, strict=True))
    part_seconds["expectations"] = time.perf_counter() - begin
    return ValidationReport(
        passed=all(result.success or result.severity != "critical" for result in results),
        data_name=dataset.manifest.name,
        data_digest=dataset.manifest.digest,
        suite=suite.name,
        suite_digest=digest_json(suite.model_dump(mode="json")),
        engine=engine(),
        seconds=round(time.perf_counter() - start, 3),
        part_seconds={name: round(seconds, 3) for name, seconds in part_seconds.items()},
        results=results,
    )


def _measure(suite: Suite, context: Context, part_seconds: dict[str, float]) -> dict[str, list[Frame]]:
    """The frames of each table; measures that the suite does not need are left out."""
    needed = suite.columns()
    asked = {
        name: measure
        for name, measure in MEASURES.items()
        if any((measure.table, column) in needed for column in measure.columns)
    }

    def work(name: str) -> list[Frame]:
        begin = time.perf_counter()
        frames = list(asked[name].frames(context))
        part_seconds[name] = time.perf_counter() - begin
        return frames

    # Side by side, each with one BLAS thread: some of them use one core only, and many products are small.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        frames = dict(zip(asked, threads.map(work, asked), strict=True))
    tables: dict[str, dict[tuple[str, str | None], Frame]] = {}
    for name, measure in asked.items():
        of = tables.setdefault(measure.table, {})
        for frame in frames[name]:
            key = (frame.split, frame.subject)
            of[key] = _joined(of[key], frame) if key in of else frame
    return {table: list(of.values()) for table, of in tables.items()}


def _joined(one: Frame, other: Frame) -> Frame:
    return Frame(one.split, {**one.columns, **other.columns}, one.subject, {**one.lazy, **other.lazy})


def _result(verdict: Verdict, offending: tuple[OffendingImage, ...]) -> CheckResult:
    item, frame = verdict.expected, verdict.frame
    values: dict[str, Any] = {}
    if item.table == "split":
        values |= {name: column[0] for name, column in frame.columns.items()}
    values |= {**item.complete_kwargs(), **verdict.details, "observed": verdict.observed}
    shares = _SHARES | {"observed", "min_value", "max_value"} if item.kwargs.get("column") in FRACTIONS else _SHARES
    message = fill(item.meta.found, values, shares)
    if not verdict.success and item.meta.remedy:
        message = f"{message}; {fill(item.meta.remedy, values, shares)}"
    return CheckResult(
        name=item.id,
        title=item.meta.title,
        split=frame.split,
        subject=frame.subject,
        severity=item.severity,
        success=verdict.success,
        observed=verdict.observed,
        expected=fill(item.meta.expected, values, shares),
        message=message,
        offending_count=verdict.total if item.table == "images" else 0,
        offending=offending,
        evidence=verdict.evidence,
    )
