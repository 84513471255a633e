"""Validate a data set: measure, state the rules of all checks, let them be judged, say it in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from podium.config import ValidationConfig
from podium.contract import InputContract
from podium.data import Dataset
from podium.validation.checks import CHECKS
from podium.validation.context import Context, prepare
from podium.validation.judge import Verdict, engine, judge
from podium.validation.results import CheckResult, OffendingImage, ValidationReport
from podium.validation.rule import Rule

MAX_OFFENDING: Final = 32
"""Offending images that a result lists; all are counted."""


def validate_dataset(
    dataset: Dataset, config: ValidationConfig, contracts: Mapping[str, InputContract]
) -> ValidationReport:
    """Check a data set against the bounds of a run and the input contracts of its candidates.

    Nothing is raised for bad data: see ``ensure_valid``.

    Args:
        dataset: The data set; its arrays may even be empty or of a wrong type.
        config: Bounds.
        contracts: For every candidate that will be trained, by its name.
    """
    start = time.perf_counter()
    context = prepare(dataset, config, contracts)
    rules = [(name, rule) for name, check in CHECKS.items() for rule in check.rules(context)]
    verdicts = judge([rule for _, rule in rules])
    results = tuple(
        _result(name, rule, verdict, context) for (name, rule), verdict in zip(rules, verdicts, strict=True)
    )
    return ValidationReport(
        passed=all(result.success or result.severity != "critical" for result in results),
        data_name=dataset.manifest.name,
        data_digest=dataset.manifest.digest,
        engine=engine(),
        seconds=round(time.perf_counter() - start, 3),
        results=results,
    )


def _result(name: str, rule: Rule, verdict: Verdict, context: Context) -> CheckResult:
    observed = f"{verdict.observed:.4g}" if isinstance(verdict.observed, float) else str(verdict.observed)
    message = rule.statement.replace("{observed}", observed)
    offending = () if verdict.success else tuple(_images(rule, context))
    return CheckResult(
        name=name,
        title=CHECKS[name].title,
        split=rule.split,
        subject=rule.subject,
        severity=rule.severity,
        success=verdict.success,
        observed=verdict.observed,
        expected=rule.expected,
        message=message if verdict.success or not rule.remedy else f"{message}; {rule.remedy}",
        offending_count=0 if verdict.success else len(rule.offending),
        offending=offending,
        evidence=verdict.evidence,
    )


def _images(rule: Rule, context: Context) -> list[OffendingImage]:
    labels = context.splits[rule.split].labels if rule.split in context.splits else ()
    return [
        OffendingImage(split=rule.split, index=index, label=int(labels[index]), reason=rule.reason(index))
        for index in rule.offending[:MAX_OFFENDING].tolist()
    ]
