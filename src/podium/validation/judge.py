"""Let Great Expectations judge a suite: an ephemeral context, nothing written, nothing sent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from podium.config.load import nearest
from podium.errors import ConfigError
from podium.results import SplitName
from podium.validation.expectations import EXPECTATIONS
from podium.validation.expected import Expected, Suite
from podium.validation.frame import Frame
from podium.validation.quiet import quiet

_FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
LISTED = 32
"""Rows kept as evidence of one expectation; all are counted."""


class Verdict(NamedTuple):
    """What Great Expectations says of one expectation on one frame."""

    expected: Expected
    frame: Frame
    success: bool
    observed: float | int | str | None
    rows: list[int]
    """The first rows that it does not hold for."""
    total: int
    """Of all of them."""
    details: dict[str, Any]
    evidence: dict[str, Any]
    """Its validation result, as plain JSON values."""


def engine() -> str:
    """Name and version of the library."""
    return f"great_expectations {version('great_expectations')}"


def build(suite: Suite) -> dict[str, Any]:
    """Make Great Expectations' own objects, by id: it checks the kwargs.

    Raises:
        ConfigError: A keyword argument is unknown, missing or of a wrong type.
    """
    from great_expectations.expectations.registry import get_expectation_impl

    made = {}
    with quiet():
        for item in suite.expectations:
            custom = EXPECTATIONS.get(item.type)
            kind = custom.load() if custom else get_expectation_impl(item.type)
            try:
                made[item.id] = kind(**item.complete_kwargs(), severity=item.severity, meta={"id": item.id})
            except (ValueError, TypeError) as error:  # pydantic's refusal is a ValueError
                raise _refused(suite, item, kind, error) from None
    return made


def judge(suite: Suite, objects: Mapping[str, Any], frames: Mapping[str, Sequence[Frame]]) -> list[Verdict]:
    """Validate the suite, with the objects that ``build`` made, on the frames of each table.

    Raises:
        ConfigError: An expectation could not be evaluated, or none applies to the data.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    verdicts: list[Verdict] = []
    with quiet():
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        tables = context.data_sources.add_pandas("podium").add_dataframe_asset("tables")
        whole = tables.add_batch_definition_whole_dataframe("all")
        for table, of in frames.items():
            for frame in of:
                members = [e for e in suite.expectations if e.table == table and applies(e, frame)]
                if not members:
                    continue
                batch = whole.get_batch({"dataframe": _table(frame, members)})
                name = " ".join(filter(None, (suite.name, table, frame.split, frame.subject)))
                asked = gx.ExpectationSuite(name=name, expectations=[objects[e.id] for e in members])
                by_id = {e.id: e for e in members}
                for result in batch.validate(asked, result_format=_FORMAT).results:
                    content = result.to_json_dict()
                    item = by_id[content["expectation_config"]["meta"]["id"]]
                    if problem := _exception(content.get("exception_info") or {}):
                        raise ConfigError(
                            f"{suite.place(item.id)}: cannot be evaluated on the table {table!r}: {problem}",
                            remedy="correct its kwargs",
                        )
                    verdicts.append(_verdict(item, frame, content))
                for expectation in asked.expectations:
                    expectation.id = None
    _refuse_silence(suite, frames, verdicts)
    order = {item.id: i for i, item in enumerate(suite.expectations)}
    splits: dict[SplitName, int] = {"train": 0, "validation": 1, "test": 2}
    return sorted(verdicts, key=lambda v: (order[v.expected.id], v.frame.subject or "", splits[v.frame.split]))


def _refuse_silence(suite: Suite, frames: Mapping[str, Sequence[Frame]], verdicts: Sequence[Verdict]) -> None:
    """What is critical must have been asked wherever there is something to ask: no verdict is no approval."""
    if any(not verdict.success and verdict.expected.severity == "critical" for verdict in verdicts):
        return
    asked = {verdict.expected.id for verdict in verdicts}
    for item in suite.expectations:
        there = any(frame.split in item.splits for frame in frames.get(item.table, ()))
        if item.severity == "critical" and item.id not in asked and there:
            raise ConfigError(
                f"{suite.place(item.id)}: could not be evaluated: the table {item.table!r} lacks"
                f" {', '.join(item.needed_columns())} in {', '.join(item.splits)}",
                remedy="name splits and columns that the data have, or leave the expectation out",
            )
    if not verdicts:
        raise ConfigError(
            f"suite {suite.name!r}: none of its expectations applies to this data", remedy="add `extends: default`"
        )


def applies(item: Expected, frame: Frame) -> bool:
    """Whether an expectation is asked of a frame: its split is named, and the columns are known there."""
    known = {*frame.columns, *frame.lazy}
    return frame.split in item.splits and known.issuperset(item.needed_columns())


def _table(frame: Frame, members: Sequence[Expected]) -> Any:
    """A data frame of the columns that are asked about; of all if an expectation may look at any."""
    import pandas as pd

    rows = len(next(iter(frame.columns.values())))
    asked = {name for item in members for name in item.needed_columns()}
    narrow = all(item.type in EXPECTATIONS or _names_its_columns(item) for item in members)
    columns = {name: values for name, values in frame.columns.items() if name in asked or not narrow}
    made = {name: [frame.lazy[name](row) for row in range(rows)] for name in sorted(asked - set(frame.columns))}
    return pd.DataFrame({**columns, **made}, copy=False)


def _names_its_columns(item: Expected) -> bool:
    return bool(item.named_columns()) and not item.kwargs.get("row_condition") and item.type not in _OF_ALL_COLUMNS


_OF_ALL_COLUMNS = ("expect_table_columns_to_match_set", "expect_table_columns_to_match_ordered_list")


def _refused(suite: Suite, item: Expected, kind: Any, error: Exception) -> ConfigError:
    """Say which keyword argument Great Expectations refused."""
    where = f"{suite.place(item.id)}.kwargs"
    problems = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
    names = set(kind.__fields__) - set(_COMMON)
    # An unknown name says more than the required one that is missing for it.
    first = next((p for p in problems if "not permitted" in p["msg"]), problems[0])
    key = ".".join(str(part) for part in first["loc"] if part != "__root__")  # pydantic's word for all of them
    remedy = nearest(key, names) if "not permitted" in first["msg"] else f"{item.type} takes {', '.join(sorted(names))}"
    return ConfigError(f"{where}{'.' if key else ''}{key}: {first['msg']}", remedy=remedy)


_COMMON = (
    *("id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content"),
    *("severity", "windows", "batch_id", "row_condition", "condition_parser"),
)


def _exception(info: Mapping[str, Any]) -> str | None:
    """The message of what was raised: of the expectation itself, or of one of its metrics (then keyed by metric)."""
    for part in (info, *(value for value in info.values() if isinstance(value, Mapping))):
        if part.get("raised_exception"):
            return str(part.get("exception_message") or "an exception without a message").splitlines()[0]
    return None


def _verdict(item: Expected, frame: Frame, content: dict[str, Any]) -> Verdict:
    result = content["result"]
    observed = result.get("observed_value")
    if observed is None:
        observed = result.get("unexpected_count")
    if isinstance(observed, float):
        observed = round(observed, 6)
    rows = [] if content["success"] else list(result.get("unexpected_index_list") or [])
    short = {key: value[:LISTED] if isinstance(value, list) else value for key, value in result.items()}
    short.pop("unexpected_index_query", None)
    evidence = plain({"type": item.type, "kwargs": item.kwargs, "success": content["success"], "result": short})
    if isinstance(observed, list | tuple | set):
        observed = ", ".join(map(str, list(observed)[:LISTED]))
    scalar = observed if isinstance(observed, int | float | str) else None
    details = result.get("details") or {}
    listed = [int(row) for row in rows[:LISTED]]
    total = int(result.get("unexpected_count") or len(rows)) if rows else 0
    return Verdict(item, frame, bool(content["success"]), scalar, listed, total, details, evidence)


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
