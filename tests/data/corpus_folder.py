"""Folders of class folders: names, links, devices, permissions, wrong layouts."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from podium.data import Dataset
from podium.data.importing import Listing
from podium.data.sources import list_folder
from tests.data.corpus import GOOD, Fault, Outcome
from tests.data.corpus_images import PIXELS, has
from tests.data.source_made import encode, write_folder


def changed(change: Callable[[Path], object], *splits: str) -> Callable[[Path], Callable[[], Listing]]:
    def make(root: Path) -> Callable[[], Listing]:
        write_folder(root, splits=splits or ("",))
        change(root)
        return lambda: list_folder(root)

    return make


def fault(
    kind: str, outcome: Outcome, says: str, change: Callable[[Path], object], *splits: str, more: int = 0
) -> Fault:
    return Fault(kind, "folder", outcome, says, changed(change, *splits), GOOD * max(1, len(splits)) + more)


def imported(kind: str, name: str, listed: str | None = None) -> Fault:
    def change(root: Path) -> None:
        (root / "bus" / name).parent.mkdir(exist_ok=True)
        (root / "bus" / name).write_bytes(encode(PIXELS))

    make = changed(change)
    return Fault(
        kind, "folder", "imported", "name and pixels", make, GOOD + 1, check=has(PIXELS, f"bus/{listed or name}")
    )


def unicode_class(root: Path) -> None:
    (root / "bus").rename(root / "Straßen bahn 電車 <b>")


def check_class(dataset: Dataset) -> None:
    assert dataset.manifest.class_names[0] == "Straßen bahn 電車 <b>"


def bind_socket(root: Path) -> None:
    here = os.getcwd()
    os.chdir(root / "bus")  # the name of a socket may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("x.jpg")
    finally:
        os.chdir(here)


def two_forms(root: Path) -> None:
    for name in ("caf\u00e9", "cafe\u0301"):
        shutil.copytree(root / "bus", root / name)


def sites(root: Path) -> None:
    for place in ("siteA/bus", "siteA/car", "siteB/bus"):
        shutil.copytree(root / place[6:], root / place)
    for name in ("bus", "car", "tram"):
        shutil.rmtree(root / name)


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def many_ways(root: Path) -> None:
    """Every folder has two links to the next: 2^40 ways to the last."""
    for i in range(40):
        (root / "bus" / f"d{i}").mkdir()
    for i in range(39):
        for link in ("a", "b"):
            (root / "bus" / f"d{i}" / link).symlink_to(root / "bus" / f"d{i + 1}")


def nest(root: Path) -> None:
    (root / "images").mkdir()
    for folder in [entry for entry in root.iterdir() if entry.name != "images"]:
        folder.rename(root / "images" / folder.name)


def unreadable(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / "bus" / "x.png").write_bytes(encode(PIXELS))
        (root / name).chmod(0)

    return change


FAULTS = (
    imported("spaces, quotes and markup in a name", " a  '\"<script>&[bold] .png"),
    imported("characters of other scripts in a name", "電車 🚋 é.png"),
    imported("newline and tab in a name", "a\n\tb.png"),
    imported("name that is not UTF-8", os.fsdecode(b"\xff\xfe.png"), "\\xff\\xfe.png"),
    imported("folder named .jpg with an image in it", "sub.jpg/a.png"),
    Fault("other scripts in a class name", "folder", "imported", "name", changed(unicode_class), check=check_class),
    fault("hidden file", "ignored", "hidden", lambda r: (r / "bus/.DS_Store.png").write_bytes(b"x")),
    fault("hidden folder", "ignored", "hidden", lambda r: (r / ".git").mkdir()),
    fault("file that is no image by its name", "ignored", "not an image by its name",
          lambda r: (r / "bus/Thumbs.db").write_bytes(b"x")),
    fault("file beside the class folders", "ignored", "not in the folder of a class",
          lambda r: (r / "README.md").write_text("x")),
    fault("pipe named .jpg", "ignored", "is not a regular file", lambda r: os.mkfifo(r / "bus/x.jpg")),
    fault("socket named .jpg", "ignored", "is not a regular file", bind_socket),
    fault("link to an endless device, named .jpg", "ignored", "is not a regular file",
          lambda r: (r / "bus/x.jpg").symlink_to("/dev/zero")),
    fault("link to the folder above", "ignored", "already read", lambda r: (r / "bus/up").symlink_to(r / "bus")),
    fault("links that make 2^40 paths", "ignored", "already read", many_ways),
    fault("broken link", "bad", "No such file", lambda r: (r / "bus/x.png").symlink_to("nothing.png")),
    fault("link to itself", "bad", "Too many levels", lambda r: (r / "bus/x.png").symlink_to("x.png")),
    Fault("file that may not be read", "folder", "bad", "Permission denied", changed(unreadable("bus/x.png")),
          other_user=True),
    Fault("folder that may not be read", "folder", "refused", "cannot be read (Permission denied)",
          changed(unreadable("bus")), other_user=True),
    fault("no such folder", "refused", "No such file", shutil.rmtree),
    fault("class folder without an image", "refused", "no image in the folder of class",
          lambda r: empty(r / "bus")),
    fault("two class folders that are one folder", "refused", "no image in the folder of class",
          lambda r: (r / "zug").symlink_to(r / "bus")),
    fault("class name in two Unicode forms", "refused", "the same class name", two_forms),
    fault("class names that differ in blanks", "refused", "the same class name",
          lambda r: shutil.copytree(r / "bus", r / "bus ")),
    fault("newline in a class name", "refused", "cannot be a class name", lambda r: (r / "bus").rename(r / "b\nus")),
    fault("class name that is not UTF-8", "refused", "cannot be a class name",
          lambda r: (r / "bus").rename(r / os.fsdecode(b"\xff"))),
    fault("one class alone", "refused", "1 class;", lambda r: [shutil.rmtree(r / name) for name in ("bus", "car")]),
    fault("class folders one folder deeper", "refused", "images meant? It holds folders itself: 'bus', 'car', 'tram'",
          nest),
    fault("splits one folder deeper, beside notes", "refused", "images meant? It holds folders itself: 'test', 'train'",
          lambda r: [nest(r), (r / "notes").mkdir()], "train", "test"),
    fault("sites in place of classes", "refused", "they hold folders of the same names: 'bus'", sites),
    fault("images without class folders", "refused", "0 classes",
          lambda r: [shutil.rmtree(r / name) for name in ("bus", "car", "tram")]),
    fault("class that train does not have", "refused", "classes that train does not have: 'ship'",
          lambda r: (r / "test/bus").rename(r / "test/ship"), "train", "test"),
    fault("valid and val", "refused", "are one split",
          lambda r: shutil.copytree(r / "val", r / "valid"), "train", "val"),
    fault("test without train", "refused", "no 'train'", lambda r: shutil.rmtree(r / "train"), "train", "test"),
    fault("class folder beside train", "refused", "is no split",
          lambda r: shutil.copytree(r / "train/bus", r / "bus"), "train", "test"),
)  # fmt: skip
