"""Arrays of NumPy: types, shapes, labels, damaged files, pickle."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from podium.data.importing import Listing
from podium.data.sources import list_arrays
from tests.data.corpus import GOOD, Fault, Outcome
from tests.data.source_made import pictures

IMAGES, LABELS = pictures(GOOD), np.arange(GOOD) % 3
FLOATS = (IMAGES / 255).astype(np.float32)


class Runs:
    """Makes a folder called ``marker`` beside the file when it is unpickled."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.root / "marker"),)


def npy(images: object = IMAGES, labels: object = LABELS) -> Callable[[Path], Callable[[], Listing]]:
    """A pair of .npy files; a function gets the folder and gives the bytes of the file."""

    def make(root: Path) -> Callable[[], Listing]:
        for name, value in (("images", images), ("labels", labels)):
            if callable(value):
                (root / f"{name}.npy").write_bytes(value(root))
            else:
                np.save(root / f"{name}.npy", value)
        return lambda: list_arrays({"train": (root / "images.npy", root / "labels.npy")})

    return make


def npz(change: Callable[[Path], None] | None = None, **arrays: object) -> Callable[[Path], Callable[[], Listing]]:
    def make(root: Path) -> Callable[[], Listing]:
        file = root / "a.npz"
        np.savez_compressed(file, **({"images": IMAGES, "labels": LABELS} | arrays))  # type: ignore[arg-type]
        if change:
            change(file)
        return lambda: list_arrays({"train": (file, None)})

    return make


def fault(kind: str, outcome: Outcome, says: str, make: Callable[[Path], Callable[[], Listing]]) -> Fault:
    return Fault(kind, "arrays", outcome, says, make)


def content(array: np.ndarray, *, pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickle)
    return buffer.getvalue()


def objects(root: Path) -> bytes:
    return content(np.array([Runs(root)] * 3, object), pickle=True)


def with_nan() -> np.ndarray:
    images = FLOATS.copy()
    images[7, 3, 2, 1] = np.nan
    return images


def header(text: str) -> Callable[[Path], bytes]:
    """A .npy file whose header is this text."""
    return lambda _: b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(300)


def add(name: str, value: bytes) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, value)

    return change


def bomb(file: Path) -> None:
    """100 MB of zeros in 100 KB, under the header of a small array."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", content(IMAGES) + bytes(100_000_000))
        archive.writestr("labels.npy", content(LABELS))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def spoiled(file: Path) -> None:
    """A byte within the compressed pixels is another one; the directory at the end is intact."""
    whole = bytearray(file.read_bytes())
    whole[2000] ^= 0xFF
    file.write_bytes(whole)


def column_major(root: Path) -> bytes:
    return content(np.asfortranarray(IMAGES))


def zip_of_pictures(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bus/1.png", b"x")


FAULTS = (
    fault("pickled objects with a program, .npy", "refused", "an array of Python objects", npy(objects)),
    fault("pickled objects with a program as labels", "refused", "an array of Python objects", npy(labels=objects)),
    fault("pickled objects with a program, .npz", "refused", "an array of Python objects",
          npz(images=np.array([{}, []], object))),
    fault("a pickle in place of an array", "refused", "cannot be read as arrays",
          npy(lambda r: b"\x80\x04cos\nmkdir\n.")),
    fault("NaN among floating-point pixels", "refused", "NaN or infinity, first in image 7", npy(with_nan())),
    fault("floating-point pixels from 0 to 1", "refused", "scaled to [0, 1]", npy(FLOATS)),
    fault("floating-point pixels from 0 to 255", "refused", "with values from 0 to 255", npy(FLOATS * 255)),
    fault("normalized pixels", "refused", "they were normalized", npy(FLOATS * 4 - 2)),
    fault("16-bit pixels", "refused", "images of type uint16", npy(IMAGES.astype(np.uint16) * 257)),
    fault("pixels as text", "refused", "images of type <U3", npy(IMAGES[:, 0, 0, 0].astype("U3"))),
    fault("channels first", "refused", "channels first", npy(IMAGES.transpose(0, 3, 1, 2))),
    fault("four channels", "refused", "four channels", npy(np.concatenate([IMAGES, IMAGES[..., :1]], -1))),
    fault("one image alone", "refused", "shape (16, 16)", npy(IMAGES[0, ..., 0], LABELS[:16])),
    fault("no image", "refused", "no pixels", npy(IMAGES[:0], LABELS[:0])),
    fault("fewer labels than images", "refused", "for 30 images", npy(labels=LABELS[:-1])),
    fault("one-hot labels", "refused", "labels of shape (30, 3)", npy(labels=np.eye(3, dtype=np.int64)[LABELS])),
    fault("floating-point labels", "refused", "labels of type float64", npy(labels=LABELS + 0.5)),
    fault("labels counted from 1", "refused", "are they counted from 1?", npy(labels=LABELS + 1)),
    fault("negative labels", "refused", "label -1 is out of range", npy(labels=LABELS - 1)),
    fault("label of 2^64 - 1", "refused", "is out of range", npy(labels=LABELS.astype(np.uint64) - np.uint64(1))),
    fault("labels as names", "imported", "all images", npy(labels=np.array(["bus", "car", "tram"])[LABELS])),
    fault("labels in a column", "imported", "all images", npy(labels=LABELS[:, None])),
    fault("gray images with a channel axis", "imported", "all images", npy(IMAGES[..., :1])),
    fault("column-major .npy", "imported", "all images", npy(column_major)),
    fault("column-major .npz", "refused", "Fortran order", npz(images=np.asfortranarray(IMAGES))),
    fault(".npy cut off", "refused", "bytes of data, but uint8 of shape", npy(lambda r: content(IMAGES)[:-9])),
    fault(".npy with a header of 60 KB", "refused", "cannot be read as arrays", npy(header("{" + " " * 60_000 + "}"))),
    fault(".npy header with a program", "refused", "cannot be read as arrays",
          npy(header("{'descr': __import__('os').mkdir('marker'), 'fortran_order': False, 'shape': (3,)}\n"))),
    fault(".npy header of 10^18 images", "refused", "bytes of data, but uint8 of shape",
          npy(header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000000, 8, 8, 3), }\n"))),
    fault(".npy header of a negative side", "refused", "cannot be read as arrays",
          npy(header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8, 3), }\n"))),
    fault("text named .npy", "refused", "cannot be read as arrays", npy(lambda r: b"1,2,3\n" * 9)),
    fault(".npz cut off", "refused", "cannot be read as arrays", npz(cut)),
    fault(".npz with a spoiled byte", "refused", "cannot be read as arrays", npz(spoiled)),
    fault(".npz with 100 MB behind an array, in 100 KB", "refused", "bytes of data, but uint8", npz(bomb)),
    fault(".npz without labels", "refused", "no array 'labels'", npz(lambda f: np.savez(f, images=IMAGES))),
    fault(".npz with an array twice", "refused", "stands twice", npz(add("images.npy", content(IMAGES)))),
    fault("zip of pictures, named .npz", "refused", "no array 'images'", npz(zip_of_pictures)),
    fault(".npz with a member ../../escaped.npy", "ignored", "not used",
          npz(add("../../escaped.npy", content(LABELS)))),
)  # fmt: skip
