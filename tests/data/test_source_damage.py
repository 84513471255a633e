"""Bytes changed at random in every kind of file: a listing and rows, or the one error. Nothing else is raised."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from podium.data.sources import list_arrays, list_cifar, list_table, list_webdataset
from podium.errors import DataError
from tests.data.source_made import pictures, samples, write_cifar, write_table, write_tar


def shard(root, mode):
    return write_tar(root / "s.tar", samples(4), mode)


def npz(root, save):
    save(root / "a.npz", images=pictures(4), labels=np.arange(4) % 2)
    return root / "a.npz"


def npy(root):
    np.save(root / "images.npy", pictures(4))
    np.save(root / "labels.npy", np.arange(4) % 2)
    return root / "images.npy"


CASES = {
    "tar": (lambda root: shard(root, "w"), lambda file: list_webdataset({"train": [str(file)]})),
    "tar.gz": (lambda root: shard(root, "w:gz"), lambda file: list_webdataset({"train": [str(file)]})),
    "npz": (lambda root: npz(root, np.savez), lambda file: list_arrays({"train": (file, None)})),
    "npz compressed": (lambda root: npz(root, np.savez_compressed), lambda file: list_arrays({"train": (file, None)})),
    "npy": (npy, lambda file: list_arrays({"train": (file, file.with_name("labels.npy"))})),
    "csv": (lambda root: write_table(root / "t.csv", per_class=2), list_table),
    "cifar": (lambda root: write_cifar(root / "c.tar", per_class=1), lambda file: list_cifar(file, check=False)),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", CASES)
def test_random_damage_is_an_error_or_data(kind, tmp_path):
    make, lister = CASES[kind]
    file = make(tmp_path)
    intact = file.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for i in range(60):
        content = bytearray(intact)
        window = int(rng.choice([300, 2000, len(content)]))
        for position in rng.integers(0, min(window, len(content)), int(rng.integers(1, 6))):
            content[position] = rng.integers(256)
        file.write_bytes(content[: rng.integers(len(content))] if i % 4 == 0 else content)
        listing = None
        with contextlib.suppress(DataError):
            listing = lister(file)
        if listing is None:
            refused += 1
            continue
        for part in (part for parts in listing.parts.values() for part in parts):
            assert int(part.labels.max(initial=0)) < len(listing.class_names)
            with contextlib.suppress(DataError):
                assert sum(len(rows) for rows in part.rows(0, 3)) == len(part.labels)
    assert refused
