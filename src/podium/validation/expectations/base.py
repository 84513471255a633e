"""The base of Podium's expectations: they look at a whole table of measurements at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from podium.validation.quiet import quiet

with quiet():  # it tells much while it is imported
    from great_expectations.expectations.expectation import BatchExpectation

if TYPE_CHECKING:
    import pandas as pd


class Finding(NamedTuple):
    """What an expectation says of a table."""

    success: bool
    observed: float | int | str
    rows: Sequence[int] = ()
    """Positions of the rows that it does not hold for; the first of very many."""
    details: Mapping[str, Any] = MappingProxyType({})
    """Further figures that the words of ``meta`` may name."""
    total: int | None = None
    """Of all such rows, where ``rows`` are the first of them."""


class TableExpectation(BatchExpectation):
    """Subclasses declare their kwargs as pydantic fields and judge a data frame; Great Expectations does the rest."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ()
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    @abstractmethod
    def judge(self, table: pd.DataFrame) -> Finding:
        """Look at the table."""

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        found = self.judge(execution_engine.batch_manager.active_batch_data.dataframe)
        result = {
            "observed_value": found.observed,
            "unexpected_count": len(found.rows) if found.total is None else found.total,
            "unexpected_index_list": list(found.rows),
            "details": dict(found.details),
        }
        return {"success": bool(found.success), "result": result}
