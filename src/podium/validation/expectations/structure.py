"""Shape, type and number of the arrays: what every later part takes for granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


class ExpectRecordedStructure(TableExpectation):
    """The split holds images, of the recorded shape, uint8 with three channels, with an int64 label each."""

    def judge(self, table: pd.DataFrame) -> Finding:
        """Tell the first thing that is wrong."""
        row = table.iloc[0]
        if not row["count"]:
            return Finding(False, "no images")
        for column, wanted in (
            ("shape", row["recorded_shape"]),
            ("images_dtype", "uint8"),
            ("labels_dtype", "int64"),
            ("missing_labels", 0),
        ):
            if row[column] != wanted:
                found = f"{column.replace('_', ' ')} {row[column]} instead of {wanted}"
                return Finding(False, found, details={"wrong": column})
        return Finding(True, f"{row['count']:,} images of {row['shape']}, uint8")
