"""One or more small examples of every source; the tests over all sources run each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podium.data.importing import Listing
from podium.data.sources import list_arrays, list_cifar, list_folder, list_parquet, list_table, list_webdataset
from tests.data import made
from tests.data.source_made import encode, pictures, samples, write_cifar, write_folder, write_table, write_tar


@dataclass(frozen=True)
class Example:
    """``make(root, damage)`` writes files below ``root`` and lists them, ``damage``: with three images damaged."""

    source: str
    title: str
    make: Callable[[Path, bool], Listing]
    splits: tuple[str, ...] = ("train",)
    encoded: bool = True
    """Its images are files that can be damaged one by one."""


def _folder(*splits: str) -> Callable[[Path, bool], Listing]:
    def make(root: Path, damage: bool) -> Listing:
        write_folder(root / "zoo", splits=splits or ("",))
        first = root / "zoo" / (splits[0] if splits else "")
        for name, content in (
            ("bus/03.png", b""),
            ("bus/07.png", b"text"),
            ("car/05.png", encode(pictures(1)[0])[:90]),
        ):
            if damage:
                (first / name).write_bytes(content)
        return list_folder(root / "zoo")

    return make


def _table(suffix: str, sep: str, **how: object) -> Callable[[Path, bool], Listing]:
    def make(root: Path, damage: bool) -> Listing:
        file = write_table(root / f"table.{suffix}", sep=sep, **how)  # type: ignore[arg-type]
        images = sorted((root / "images").iterdir())
        if damage:
            images[3].write_bytes(b"")
            images[8].write_text("text")
            images[9].unlink()
        return list_table(file)

    return make


def _parquet(root: Path, damage: bool) -> Listing:
    images: list[bytes | None] = [encode(image) for image in pictures(40)]
    if damage:
        images[3], images[20], images[33] = b"", b"text", images[33][:90]  # type: ignore[index]
    return list_parquet([made.write(root / "a.parquet", images)])


def _cifar(kind: str) -> Callable[[Path, bool], Listing]:
    return lambda root, damage: list_cifar(write_cifar(root / f"{kind}.tar.gz", kind, per_class=4), check=False)


def _npz(root: Path, damage: bool) -> Listing:
    np.savez_compressed(root / "a.npz", images=pictures(30), labels=np.arange(30) % 3)
    return list_arrays({"train": (root / "a.npz", None)})


def _npz_of_splits(root: Path, damage: bool) -> Listing:
    given = {}
    for seed, split in enumerate(("train", "val", "test")):
        given |= {f"{split}_images": pictures(30, seed=seed), f"{split}_labels": np.arange(30)[:, None] % 3}
    np.savez(root / "a.npz", **given)
    return list_arrays({"train": (root / "a.npz", None)})


def _npy(root: Path, damage: bool) -> Listing:
    np.save(root / "images.npy", pictures(30)[..., 0])
    np.save(root / "labels.npy", np.array(["bus", "car", "tram"])[np.arange(30) % 3])
    return list_arrays({"train": (root / "images.npy", root / "labels.npy")})


def _webdataset(label: str, mode: str) -> Callable[[Path, bool], Listing]:
    def make(root: Path, damage: bool) -> Listing:
        for shard in range(3):
            members = samples(12, seed=shard, label=label)
            if damage:
                members[4] = (members[4][0], (b"", b"text", members[4][1][:90])[shard])
            write_tar(root / f"s-{shard:03}.tar", members, mode)
        return list_webdataset({"train": [str(root / "s-{000..002}.tar")]})

    return make


EXAMPLES = (
    Example("folder", "folder", _folder()),
    Example("folder", "folder-splits", _folder("train", "val", "test"), ("train", "validation", "test")),
    Example("table", "csv", _table("csv", ",")),
    Example("table", "tsv-groups", _table("tsv", "\t", per_class=20, group_of=2)),
    Example("table", "csv-splits", _table("csv", ",", splits=("train", "test")), ("train", "test")),
    Example("parquet", "parquet", _parquet),
    Example("cifar", "cifar10-python", _cifar("cifar10-python"), ("train", "test"), encoded=False),
    Example("cifar", "cifar10-binary", _cifar("cifar10-binary"), ("train", "test"), encoded=False),
    Example("cifar", "cifar100-python", _cifar("cifar100-python"), ("train", "test"), encoded=False),
    Example("arrays", "npz", _npz, encoded=False),
    Example("arrays", "npz-splits", _npz_of_splits, ("train", "validation", "test"), encoded=False),
    Example("arrays", "npy", _npy, encoded=False),
    Example("webdataset", "wds-cls", _webdataset("cls", "w")),
    Example("webdataset", "wds-json-gz", _webdataset("json", "w:gz")),
)
