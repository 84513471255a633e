"""Tables and picture of ``transfer_curve.py``."""

from __future__ import annotations

import io
import shlex
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from recipe_training import Result  # beside this script

from podium.data import Dataset
from podium.models.weights import Provenance
from podium.report.figures import ACCENT, INK, MUTED, RULE, TEXT, TRAIN, new_figure, plain, png

BASE: Final = "scratch"
NAMES: Final = {BASE: "from scratch", "frozen": "backbone frozen", "fine_tuned": "fine-tuned"}
LOOKS: Final = {BASE: (TRAIN, "s", "--"), "frozen": (MUTED, "^", ":"), "fine_tuned": (ACCENT, "o", "-")}
"""Color, marker and line of a variant, which differ without the color, too."""
SIDE: Final = {BASE: 0.92, "frozen": 1.0, "fine_tuned": 1.09}
"""Variants stand beside each other, so that none hides another's error bar."""
BESIDE: Final = 1.04
"""And the seeds beside their mean."""
COLORS: Final = 64
ACCURACIES: Final = (
    "labelled images a class", "variant", "test", "each seed's test", "gain over scratch", "each seed's gain",
    "validation",
)  # fmt: skip
TIMES: Final = (
    "labelled images a class", "variant", "epochs", "minutes", "CPU minutes", "features, s", "head, images/s",
    "whole network, images/s", "peak MiB",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Results by images a class, variant and seed, as far as they are there; and what was asked for."""

    results: Mapping[tuple[int, str, int], Result]
    sizes: tuple[int, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]

    def of(self, size: int, variant: str) -> dict[int, Result]:
        """By seed."""
        found = ((seed, self.results.get((size, variant, seed))) for seed in self.seeds)
        return {seed: result for seed, result in found if result}

    def tests(self, size: int, variant: str) -> list[float]:
        """Test accuracies of the seeds that are there."""
        return [result.test.accuracy for result in self.of(size, variant).values()]

    def gains(self, size: int, variant: str) -> dict[int, float]:
        """By seed: how far the test accuracy lies above that of the network from scratch with the same seed."""
        base = self.of(size, BASE)
        there = self.of(size, variant).items()
        return {seed: r.test.accuracy - base[seed].test.accuracy for seed, r in there if seed in base}


def print_all(
    measured: Measured, dataset: Dataset, backbones: Sequence[Provenance], *, threads: int, settings: Sequence[str]
) -> None:
    """Print how it was measured, and the tables."""
    found = list(measured.results.values())
    for hardware in dict.fromkeys(result.hardware for result in found):
        print(f"{hardware}; {threads} threads a training;")
    tested = f", {found[0].test.count:,} test images" if found else ""  # the split itself is left closed
    print(f"{dataset.manifest.name}, digest {dataset.manifest.digest[:16]}{tested}; seeds {_list(measured.seeds)};")
    for backbone in backbones:
        print(f"backbone {backbone.name}, SHA-256 {backbone.sha256[:16]};")
    print(f"`python {shlex.join(['benchmarks/transfer_curve.py', *sys.argv[1:]])}`\n")
    for line in settings:
        print(f"- {line}")
    if len({result.code for result in found}) > 1:
        print("\nTrained by several versions of the code.")
    _print(ACCURACIES, measured, accuracies)
    _print(TIMES, measured, times)


def _print(columns: Sequence[str], measured: Measured, row: Callable[[Measured, int, str], list[str]]) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for size in measured.sizes:
        for variant in measured.variants:
            cells = [f"{size:,}", NAMES[variant], *row(measured, size, variant)]
            print(f"| {' | '.join(cells + [''] * (len(columns) - len(cells)))} |")


def accuracies(measured: Measured, size: int, variant: str) -> list[str]:
    """The cells of the first table, after size and variant."""
    there = measured.of(size, variant)
    if not there:
        return ["not measured"]
    gains = {} if variant == BASE else measured.gains(size, variant)
    missing = len(measured.seeds) - len(there)
    return [
        spread(measured.tests(size, variant), share) + (f" ({missing} seeds missing)" if missing else ""),
        _list(share(there[seed].test.accuracy) if seed in there else "-" for seed in measured.seeds),
        spread(list(gains.values()), gain) if gains else "",
        _list(gain(gains[seed]) if seed in gains else "-" for seed in measured.seeds) if gains else "",
        spread([result.validation.accuracy for result in there.values()], share),
    ]


def times(measured: Measured, size: int, variant: str) -> list[str]:
    """The cells of the second table, after size and variant."""
    there = list(measured.of(size, variant).values())
    if not there:
        return ["not measured"]
    summaries = [result.summary for result in there]
    features = [max(0.0, s.train_seconds - sum(record.seconds for record in s.history)) for s in summaries]
    return [
        " + ".join(str(count) for count in _epochs(there[0]).values()),
        spread([s.train_seconds / 60 for s in summaries], "{:.1f}".format),
        spread([result.cpu_seconds / 60 for result in there], "{:.1f}".format),
        "" if variant == BASE else _list(f"{seconds:.1f}" for seconds in features),
        *(_speed(there, phases) for phases in (("head",), ("train", "fine_tune"))),
        f"{max(s.peak_memory or 0 for s in summaries) / 2**20:,.0f}",
    ]


def _epochs(result: Result) -> dict[str, int]:
    phases = [record.phase for record in result.summary.history]
    return {phase: phases.count(phase) for phase in dict.fromkeys(phases)}


def _speed(results: Sequence[Result], phases: Sequence[str]) -> str:
    """Training images a second of these phases, validation after each epoch included."""
    speeds = []
    for summary in (result.summary for result in results):
        images = summary.images_per_second * summary.train_seconds / summary.epochs
        seconds = [record.seconds for record in summary.history if record.phase in phases]
        if seconds:
            speeds.append(len(seconds) * images / sum(seconds))
    return spread(speeds, "{:,.0f}".format) if speeds else ""


def picture(measured: Measured, data: str) -> bytes:
    """Test accuracy over labelled images a class, as PNG of 1200×800: seeds as points, means ± s.d. as lines."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure = new_figure(10.0, 20 / 3)
    axes = figure.subplots()
    axes.set_xscale("log")
    drawn: set[int] = set()
    for variant in measured.variants:
        sizes = [size for size in measured.sizes if measured.of(size, variant)]
        if not sizes:
            continue
        drawn.update(sizes)
        color, marker, line = LOOKS[variant]
        values = [[100 * value for value in measured.tests(size, variant)] for size in sizes]
        middles = [statistics.mean(of_size) for of_size in values]
        errors = [statistics.stdev(of_size) if len(of_size) > 1 else 0.0 for of_size in values]
        places = [size * SIDE[variant] for size in sizes]
        axes.errorbar(
            places, middles, yerr=errors, color=color, linestyle=line, linewidth=2.0, capsize=6, label=NAMES[variant],
            marker=marker, markersize=9, markerfacecolor="white", markeredgewidth=1.8,
        )  # fmt: skip
        points = np.array([(x, v) for x, of_size in zip(places, values, strict=True) for v in of_size])
        axes.scatter(BESIDE * points[:, 0], points[:, 1], color=color, marker=marker, s=14, zorder=3)
    axes.xaxis.set_major_locator(FixedLocator(sorted(drawn)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axes.margins(x=0.08)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    plain(axes)
    axes.tick_params(labelsize=11)
    axes.set_xlabel("labelled images a class (log scale; a tenth of them validates)", color=MUTED, fontsize=11)
    axes.set_ylabel(f"accuracy on the test images of {data} (%)", color=MUTED, fontsize=11)
    axes.set_title(finding(measured), fontsize=12, loc="left", **TEXT)
    axes.legend(frameon=False, labelcolor=INK, fontsize=12, loc="lower right")
    return _smaller(png(figure))


def _smaller(picture: bytes) -> bytes:
    """A third of the bytes: a few colors have no need of four channels."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def finding(measured: Measured) -> str:
    """What fine-tuning gains, in a sentence; without its results, what is drawn."""
    gains = {size: list(measured.gains(size, "fine_tuned").values()) for size in measured.sizes}
    there = {size: 100 * statistics.mean(of_size) for size, of_size in gains.items() if of_size}
    if not there:
        return "Test accuracy over labelled images a class"
    points, sizes = _list(f"{points:+.1f}" for points in there.values()), _list(f"{size:,}" for size in there)
    return f"Fine-tuned minus from scratch: {points} points with {sizes} images a class"


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """Mean ± standard deviation (n - 1)."""
    middle = show(statistics.mean(values))
    return f"{middle} ± {show(statistics.stdev(values)).lstrip('+')}" if len(values) > 1 else middle


def share(value: float) -> str:
    """.9123"""
    return f"{value:.4f}".removeprefix("0")


def gain(value: float) -> str:
    """+.0123"""
    return f"{value:+.4f}".replace("0.", ".", 1)


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
