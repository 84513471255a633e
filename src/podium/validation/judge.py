"""Let Great Expectations judge rules: an ephemeral context, nothing written, nothing sent."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NamedTuple

from podium.validation.rule import Rule


class Verdict(NamedTuple):
    """What Great Expectations says of one rule."""

    success: bool
    observed: float | int | str | None
    evidence: dict[str, Any]
    """Its validation result, as plain JSON values."""


def engine() -> str:
    """Name and version of the library."""
    return f"great_expectations {version('great_expectations')}"


def judge(rules: Sequence[Rule]) -> list[Verdict]:
    """Validate every rule; those on the same table form one suite.

    Raises:
        RuntimeError: An expectation could not be evaluated; a defect of its rule.
    """
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    with _quiet():
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        tables = context.data_sources.add_pandas("podium").add_dataframe_asset("tables")
        whole = tables.add_batch_definition_whole_dataframe("all")
        verdicts: dict[int, Verdict] = {}
        for name, members in _by_table(rules).items():
            columns = {key: column for i in members for key, column in rules[i].table.columns.items()}
            batch = whole.get_batch({"dataframe": pd.DataFrame(columns)})
            suite = gx.ExpectationSuite(
                name=name,
                expectations=[
                    getattr(expectations, rules[i].expectation)(
                        **rules[i].arguments, severity=rules[i].severity, meta={"rule": i}
                    )
                    for i in members
                ],
            )
            for result in batch.validate(suite, result_format="BASIC").results:
                content = plain(result.to_json_dict())
                verdicts[content["expectation_config"]["meta"]["rule"]] = _verdict(content)
    return [verdicts[i] for i in range(len(rules))]


def _by_table(rules: Sequence[Rule]) -> dict[str, list[int]]:
    """Group the rules' positions by split and table."""
    groups: dict[str, list[int]] = {}
    for i, rule in enumerate(rules):
        groups.setdefault(f"{rule.split} {rule.table.name}", []).append(i)
    return groups


def _verdict(content: dict[str, Any]) -> Verdict:
    trouble = content.get("exception_info") or {}
    if trouble.get("raised_exception"):
        raise RuntimeError(f"{content['expectation_config']}: {trouble.get('exception_message')}")
    result = content["result"]
    observed = result.get("observed_value", result.get("unexpected_count"))
    if isinstance(observed, float):
        observed = round(observed, 6)
    config = content["expectation_config"]
    kwargs = {key: value for key, value in config["kwargs"].items() if key != "batch_id"}
    evidence = {"type": config["type"], "kwargs": kwargs, "success": content["success"], "result": result}
    return Verdict(bool(content["success"]), observed if isinstance(observed, int | float | str) else None, evidence)


def plain(value: Any) -> Any:
    """Reduce a value to JSON's own types: numpy scalars to numbers, what is not finite to null."""

    def clean(item: Any) -> Any:
        if isinstance(item, dict):
            return {str(key): clean(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [clean(inner) for inner in item]
        if isinstance(item, float) and not math.isfinite(item):
            return None
        return item

    return clean(
        json.loads(json.dumps(value, default=lambda item: item.item() if hasattr(item, "item") else str(item)))
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Raise the level of all loggers of Great Expectations while it works.

    It tells every step at INFO, and at ERROR of a missing key whenever a set expectation fails.
    """
    loggers = [
        logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if name.startswith("great_exp")
    ]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
