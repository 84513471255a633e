"""The fault corpus: what may come to an import, made on the spot, and the documented outcome of each.

``python -m tests.data.corpus > docs/design/faults.md`` writes the table anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from podium.data import Dataset
from podium.data.importing import Listing

Outcome = Literal["refused", "bad", "ignored", "imported"]
MEANING: dict[Outcome, str] = {
    "refused": "one error names the place and the remedy; nothing is written",
    "bad": "told with all other bad images; `--skip-bad` lists it in `excluded.tsv` and imports the others",
    "ignored": "told, not imported; all images are",
    "imported": "imported correctly",
}
GOOD = 30
"""Images of the small data sets that the faults are put into."""


@dataclass(frozen=True)
class Fault:
    """One kind. ``make`` writes files below a folder and returns what lists them; it may raise DataError itself."""

    kind: str
    source: str
    outcome: Outcome
    says: str
    """What the message, ``excluded.tsv`` or the ignored entry holds; of imported ones, what is looked at."""
    make: Callable[[Path], Callable[[], Listing]]
    good: int = GOOD
    """Images that come in (with ``--skip-bad`` if it is a bad one)."""
    size: tuple[int, int] | None = None
    check: Callable[[Dataset], None] | None = None
    other_user: bool = field(default=False)
    """Run without root's rights, which no permission stops."""


def corpus() -> list[Fault]:
    """All faults, by source."""
    from tests.data import corpus_archives, corpus_arrays, corpus_folder, corpus_images, corpus_parquet, corpus_table

    modules = (corpus_images, corpus_folder, corpus_table, corpus_arrays, corpus_archives, corpus_parquet)
    return [fault for module in modules for fault in module.FAULTS]


def render() -> str:
    """The content of ``docs/design/faults.md``."""
    faults = corpus()
    lines = [
        "# Faults and what becomes of them",
        "",
        f"{len(faults)} kinds of damage, mistakes and attacks, made by `tests/data/corpus*.py` and put through the",
        "real import by `tests/data/test_corpus.py`: each ends as it stands here, within its time limit, without a",
        "traceback, without running what it holds, and without losing another image.",
        "`python -m tests.data.corpus` writes the table.",
        "",
        *(f"- **{outcome}**: {meaning}." for outcome, meaning in MEANING.items()),
        "",
        "| kind | source | outcome | the message holds, or what is looked at |",
        "|---|---|---|---|",
    ]
    for fault in faults:
        says = fault.says.replace("|", "\\|")
        lines.append(f"| {fault.kind} | {fault.source} | {fault.outcome} | {says} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201
