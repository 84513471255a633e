"""Tables of image files and labels: layout, encodings, paths, labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from podium.data import Dataset
from podium.data.importing import Listing
from podium.data.sources import list_table
from tests.data.corpus import GOOD, Fault, Outcome
from tests.data.corpus_images import PIXELS, has
from tests.data.source_made import NAMES, encode, write_table

Change = Callable[[str], str | bytes]


def table(
    change: Change, name: str = "t.csv", *, classes: Sequence[str] | None = None, images: str | None = None
) -> Callable[[Path], Callable[[], Listing]]:
    def make(root: Path) -> Callable[[], Listing]:
        file = write_table(root / name)
        (root / "images" / 'a, b\n"c".png').write_bytes(encode(PIXELS))
        content = change(file.read_text())
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return lambda: list_table(file, class_names=classes, images=root / images if images else None)

    return make


def fault(
    kind: str, outcome: Outcome, says: str, change: Change, *, more: int = 0, name: str = "t.csv",
    classes: Sequence[str] | None = None, images: str | None = None, check: Callable[[Dataset], None] | None = None,
) -> Fault:  # fmt: skip
    make = table(change, name, classes=classes, images=images)
    return Fault(kind, "table", outcome, says, make, GOOD + more, check=check)


def numbered(first: int) -> Change:
    def change(text: str) -> str:
        for number, name in enumerate(NAMES, first):
            text = text.replace(f",{name}\n", f",{number}\n")
        return text

    return change


def line(text: str) -> Change:
    return lambda table: table + text + "\n"


def with_column(name: str, value: str) -> Change:
    return lambda table: table.replace("\n", f",{value}\n").replace(f"label,{value}", f"label,{name}")


def names_are(*names: str) -> Callable[[Dataset], None]:
    def check(dataset: Dataset) -> None:
        assert dataset.manifest.class_names == names

    return check


QUOTED = '"images/a, b\n""c"".png",bus'
FAULTS = (
    Fault("no table there", "table", "refused", "No such file", lambda root: lambda: list_table(root / "t.csv")),
    fault("table of another suffix", "refused", "neither .csv nor .tsv", lambda t: t, name="t.txt"),
    fault("empty table", "refused", "no column 'path'; the first line names nothing", lambda t: ""),
    fault("header alone", "refused", "no rows", lambda t: "path,label\n"),
    fault("no column of labels", "refused", "no column 'label'", lambda t: t.replace("path,label", "path,class")),
    fault("misspelled column of labels", "refused", "no column 'label'",
          lambda t: t.replace("path,label", "path,lable")),
    fault("misspelled column of splits", "refused", "no column 'split', but 'splits'", with_column("splits", "train")),
    fault("splits in a column of another name", "refused", "no column 'split', but 'subset'",
          with_column("subset", "train")),
    fault("groups in a column of nearly that name", "refused", "no column 'group', but 'groups'",
          with_column("groups", "g")),
    fault("columns of no use", "imported", "all rows, and the columns are told", with_column("patient_id", "p")),
    fault("commas in a .tsv", "refused", "no column 'path'", lambda t: t, name="t.tsv"),
    fault("column that stands twice", "refused", "stands twice", lambda t: t.replace("path,label", "path,label,label")),
    fault("line with a value too many", "refused", "3 values under 2", line("images/x.png,bus,oops")),
    fault("quote that is not closed", "refused", "line ", line('"images/x.png,bus')),
    fault("table that is not UTF-8", "refused", "codec can't decode",
          lambda t: (t + "images/ä.png,bus\n").encode("latin1")),
    fault("NUL in a line", "refused", "a NUL character", line("images/\0.png,bus")),
    fault("value of a megabyte", "refused", "field larger than", line(f"images/{'x' * 1_000_000}.png,bus")),
    fault("byte order mark and CRLF", "imported", "all rows",
          lambda t: b"\xef\xbb\xbf" + t.replace("\n", "\r\n").encode()),
    fault("blank lines and columns in capitals", "imported", "all rows",
          lambda t: t.replace("path,label", " PATH ,Label\n")),
    fault("comma, quote and newline in a path", "imported", "name and pixels", line(QUOTED), more=1,
          check=has(PIXELS, 'images/a, b\n"c".png')),
    fault("file that is not there", "bad", "No such file", line("images/none.png,bus")),
    fault("folder in place of a file", "bad", "is a folder", line("images,bus")),
    fault("name longer than any file's", "bad", "File name too long", line(f"images/{'x' * 5000}.png,bus")),
    fault("absolute path", "refused", "leads out of", line("/etc/passwd,bus")),
    fault("path out of the table's folder", "refused", "leads out of", line("images/../../../etc/passwd,bus")),
    fault("path out of --images", "refused", "leads out of", line("../t.csv,bus"), images="images"),
    fault("no folder of that name for --images", "refused", "no such folder", lambda t: t, images="nothing"),
    fault("image that stands twice", "refused", "stands twice", line("./images/../images/all 003.png,bus")),
    fault("row without a label", "refused", "no label", line("images/x.png, ")),
    fault("split of no such name", "refused", "is no split",
          lambda t: t.replace("\n", ",train\n").replace("label,train", "label,split") + "images/x.png,bus,tarin\n"),
    fault("split column without train", "refused", "no row of split 'train'",
          lambda t: t.replace("\n", ",test\n").replace("label,test", "label,split")),
    fault("labels counted from 1, no classes named", "refused", "are they counted from 1?", numbered(1)),
    fault("labels counted from 1, three classes named", "refused", "counted from 1, not from 0", numbered(1),
          classes=NAMES),
    fault("negative label", "refused", "label -1 is out of range", lambda t: numbered(0)(t) + "images/x.png,-1\n"),
    fault("label of 2^80", "refused", "is none of the", lambda t: numbered(0)(t) + f"images/x.png,{2**80}\n",
          classes=NAMES),
    fault("label that is no number among numbers", "refused", "label 'buss' is none of the 3 classes; is 'bus' meant?",
          lambda t: t + "images/x.png,buss\n", classes=NAMES),
    fault("label out of a gap", "refused", "none is 3, 4", lambda t: numbered(0)(t) + "images/all 000.png.,5\n"),
    fault("labels as names", "imported", "classes by name", lambda t: t, check=names_are("bus", "car", "tram")),
    fault("labels as names, with the classes' order", "imported", "classes as given", lambda t: t,
          classes=("tram", "car", "bus"), check=names_are("tram", "car", "bus")),
    fault("class named twice", "refused", "'car' stands twice", lambda t: t, classes=("bus", "car", "car")),
    fault("one class alone", "refused", "1 class;",
          lambda t: t.replace(",car\n", ",bus\n").replace(",tram\n", ",bus\n")),
)  # fmt: skip
