"""Small data sets of every source, made on the spot: the same pictures in every format."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("bus", "car", "tram")
CIFAR_NAMES = {10: [f"class {i}" for i in range(10)], 100: [f"fine {i:02}" for i in range(100)]}


def pictures(count: int, *, side: int = 16, seed: int = 0) -> np.ndarray:
    """Uint8, N×side×side×3: coarse random patterns, none like another."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2)


def encode(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_folder(root: Path, per_class: int = 10, *, splits: Sequence[str] = ("",), side: int = 16) -> Path:
    """``root/[SPLIT/]CLASS/NN.png``."""
    for seed, split in enumerate(splits):
        images = iter(pictures(per_class * len(NAMES), side=side, seed=seed))
        for name in NAMES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                (folder / f"{i:02}.png").write_bytes(encode(next(images)))
    return root


def write_table(
    file: Path, per_class: int = 10, *, splits: Sequence[str] = (), group_of: int = 0, sep: str = ","
) -> Path:
    """A table and ``images/`` beside it; ``group_of`` rows in sequence make a group."""
    rows = []
    for seed, split in enumerate(splits or ("",)):
        for i, pixels in enumerate(pictures(per_class * len(NAMES), seed=seed)):
            path = f"images/{split or 'all'} {i:03}.png"
            (file.parent / "images").mkdir(parents=True, exist_ok=True)
            (file.parent / path).write_bytes(encode(pixels))
            own = [path, NAMES[i % 3], *([split] if splits else [])]
            rows.append([*own, *([f"g{i // 3 // group_of * 3 + i % 3}"] if group_of else [])])
    header = ["path", "label", *(["split"] if splits else []), *(["group"] if group_of else [])]
    file.write_text("\n".join(sep.join(row) for row in [header, *rows]) + "\n", encoding="utf-8")
    return file


def write_tar(file: Path, members: Iterable[tuple[str, bytes]], mode: str = "w") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file


def samples(count: int, *, seed: int = 0, label: str = "cls") -> list[tuple[str, bytes]]:
    """Members of a WebDataset shard."""
    members = []
    for i, pixels in enumerate(pictures(count, seed=seed)):
        members.append((f"{seed}/{i:04}.png", encode(pixels)))
        text = NAMES[i % 3] if label == "name" else str(i % 3)
        content = json.dumps({"label": i % 3, "caption": "x"}) if label == "json" else text
        members.append((f"{seed}/{i:04}.{'json' if label == 'json' else 'cls'}", content.encode()))
    return members


def cifar_rows(count: int, classes: int, *, seed: int) -> tuple[np.ndarray, list[int]]:
    """Images as CIFAR lays them out (uint8, N×3072) and labels that name every class."""
    pixels = pictures(count, side=32, seed=seed)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(count, -1), [i % classes for i in range(count)]


def cifar_members(kind: str, per_class: int = 2) -> list[tuple[str, bytes]]:
    """The files of a small archive: ``cifar10-python``, ``cifar10-binary``, ``cifar100-python`` …"""
    classes = 100 if "100" in kind else 10
    batches = [f"data_batch_{i}" for i in range(1, 6)] if classes == 10 else ["train"]
    counts = dict.fromkeys(batches, 2 * per_class * classes) | {"test_batch" if classes == 10 else "test": classes}
    folder = {"cifar10-python": "cifar-10-batches-py", "cifar10-binary": "cifar-10-batches-bin"}.get(kind)
    folder = folder or kind.replace("cifar100", "cifar-100")
    coarse_names = [f"coarse {i}" for i in range(20)]
    members = []
    for seed, (name, count) in enumerate(counts.items()):
        rows, labels = cifar_rows(count, classes, seed=seed)
        coarse = [label // 5 for label in labels]
        if kind.endswith("binary"):
            columns = [labels] if classes == 10 else [coarse, labels]
            content = np.column_stack([np.array(columns, np.uint8).T, rows]).tobytes()
            members.append((f"{folder}/{name}.bin", content))
        else:
            named = {"labels": labels} if classes == 10 else {"fine_labels": labels, "coarse_labels": coarse}
            record = {"batch_label": b"batch", **named, "data": rows, "filenames": [b"%d.png" % i for i in labels]}
            members.append((f"{folder}/{name}", python2_pickle(record)))
    fine = [name.encode() for name in CIFAR_NAMES[classes]]
    coarse_bytes = [name.encode() for name in coarse_names]
    if kind == "cifar10-python":
        meta = [("batches.meta", python2_pickle({"num_cases_per_batch": 10000, "label_names": fine}))]
    elif kind == "cifar100-python":
        meta = [("meta", python2_pickle({"fine_label_names": fine, "coarse_label_names": coarse_bytes}))]
    elif kind == "cifar10-binary":
        meta = [("batches.meta.txt", b"\n".join(fine) + b"\n\n")]
    else:
        meta = [("fine_label_names.txt", b"\n".join(fine) + b"\n")]
        meta += [("coarse_label_names.txt", b"\n".join(coarse_bytes) + b"\n")]
    return [*members, *((f"{folder}/{name}", content) for name, content in meta), (f"{folder}/readme.html", b"<p>")]


def write_cifar(file: Path, kind: str = "cifar10-python", per_class: int = 2) -> Path:
    return write_tar(file, cifar_members(kind, per_class), "w:gz")


def python2_pickle(value: object) -> bytes:
    """Protocol 2 as Python 2 and its NumPy wrote it: text is bytes, arrays come through ``numpy.core.multiarray``."""
    return b"\x80\x02" + _item(value) + b"."


def _item(value: object) -> bytes:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        head = b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))
        return head + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_item, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_item(key) + _item(content) for key, content in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.uint8
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(map(_item, value.shape)) + b"t"
    return empty + b"(K\x01" + shape + dtype + b"\x89" + _item(value.tobytes()) + b"tb"
