"""Names of WebDataset shards: ``{000..009}`` and ``{a,b}`` as in a shell, then ``*``, ``?`` and ``[]``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import Final

from podium.data.sources.split_files import FileKind
from podium.errors import DataError

_MOST_SHARDS: Final = 100_000
_RANGE: Final = re.compile(r"\{(-?\d{1,18})\.\.(-?\d{1,18})(?=[.}])")
"""braceexpand makes all numbers of a range before it gives the first."""


def expand_shards(patterns: Sequence[str]) -> list[Path]:
    """Return the shards that patterns name: ``{000..009}`` and ``{a,b}`` as in a shell, then ``*``, ``?`` and ``[]``.

    Raises:
        DataError: A pattern is no pattern, or names no file, or a file is named twice.
    """
    from braceexpand import braceexpand

    files: list[Path] = []
    for pattern in patterns:
        if any(abs(int(first) - int(last)) >= _MOST_SHARDS for first, last in _RANGE.findall(pattern)):
            raise DataError(f"{pattern}: more than {_MOST_SHARDS:,} shards", remedy="give a narrower pattern")
        try:
            names = list(islice(braceexpand(pattern), _MOST_SHARDS + 1))
        except ValueError:  # unbalanced braces are a part of the name
            names = [pattern]
        if len(names) > _MOST_SHARDS:
            raise DataError(f"{pattern}: more than {_MOST_SHARDS:,} shards", remedy="give a narrower pattern")
        for name in names:
            found = sorted(glob(name)) if has_magic(name) and not os.path.exists(name) else [name]
            if not found:
                raise DataError(f"{name}: no such file", remedy="put the pattern into quotes and name existing shards")
            files.extend(map(Path, found))
    twice = {file for file in files if files.count(file) > 1} if len(set(files)) < len(files) else set()
    if twice:
        raise DataError(f"{min(twice)}: this shard is named twice", remedy="name every shard once")
    return files


SHARDS: Final = FileKind("webdataset", (".tar", ".tar.gz", ".tgz"), lambda pattern: expand_shards([pattern]))
