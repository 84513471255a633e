"""Figures as PNG for places that show files, such as MLflow. Object API of matplotlib only: no global state."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from podium.results import Metrics, TrainingSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1d1c1a"
MUTED: Final = "#67635b"
RULE: Final = "#e3dfd7"
ACCENT: Final = "#1f5f9e"
TRAIN: Final = "#858075"
TEXT: Final[dict[str, Any]] = {"parse_math": False, "color": INK}
"""Names come from data: a dollar sign in one is a dollar sign."""


def confusion_png(metrics: Metrics) -> bytes:
    """The confusion matrix, tinted by share of the true class; with figures up to 24 classes."""
    names = [entry.name for entry in metrics.per_class]
    counts = np.array(metrics.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.0, 1.6 + 0.42 * min(len(names), 24))
    figure = new_figure(side + 0.6, side + 0.4)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.6)
    if len(names) <= 24:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, **TEXT)
        upright = max(map(len, names)) > 3
        axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0, fontsize=8, **TEXT)
        axes.set_yticks(range(len(names)), names, fontsize=8, **TEXT)
    plain(axes)
    axes.set_xlabel("predicted", color=MUTED)
    axes.set_ylabel("true", color=MUTED)
    accuracy = f"{100 * metrics.accuracy:.1f} % of {metrics.count:,} {metrics.split} images"
    axes.set_title(f"{metrics.candidate}: {accuracy}", fontsize=10, loc="left", **TEXT)
    return png(figure)


def curves_png(summary: TrainingSummary) -> bytes:
    """Accuracy and loss over the epochs, training and validation.

    Raises:
        ValueError: The history is empty.
    """
    from matplotlib.ticker import MaxNLocator

    if not summary.history:
        raise ValueError(f"{summary.candidate}: the training history is empty")
    figure = new_figure(8.0, 3.2)
    panels: Sequence[Axes] = figure.subplots(1, 2)
    epochs = [record.epoch for record in summary.history]
    marker = "o" if len(epochs) == 1 else None
    for axes, quantity in zip(panels, ("accuracy", "loss"), strict=True):
        for part, colour in (("train", TRAIN), ("validation", ACCENT)):
            values = [getattr(record, f"{part}_{quantity}") for record in summary.history]
            axes.plot(epochs, values, color=colour, label=part, linewidth=1.6, marker=marker)
        axes.axvline(summary.best_epoch, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.set_title(quantity if quantity == "accuracy" else "loss (nats)", fontsize=10, loc="left", **TEXT)
        axes.set_xlabel("epoch", color=MUTED)
        axes.grid(axis="y", color=RULE, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(axes)
    panels[0].legend(frameon=False, labelcolor=INK)
    figure.suptitle(summary.candidate, x=0.01, ha="left", fontsize=11, **TEXT)
    return png(figure)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure; sizes in inches of 120 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes) -> None:
    """No frame and no tick marks; small muted labels."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=MUTED, labelsize=8)


def png(figure: Figure) -> bytes:
    """The finished figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
