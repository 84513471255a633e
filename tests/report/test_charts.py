from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from podium.config import AugmentConfig, RandAugmentConfig
from podium.report import text
from podium.report.axes import decades, share, ticks
from podium.report.comparison import comparison
from podium.report.confusion import class_rows, confusions, matrix
from podium.report.curves import curves
from podium.report.figures import confusion_png, curves_png
from podium.report.pictures import LARGEST, data_uri
from tests.evaluation.made import metrics, summary


@pytest.mark.slow
@given(st.floats(0, 1), st.floats(0, 1))
def test_ticks_cover_the_range_in_few_equal_steps(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    values = ticks(low, high)
    assert values[0] <= low + 1e-9
    assert values[-1] >= high - 1e-9
    assert 2 <= len(values) <= 8
    steps = np.diff(values)
    assert (steps > 0).all()
    assert np.allclose(steps, steps[0])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.853, 0.994, [0.85, 0.9, 0.95, 1.0]), (0.1, 0.1, [0.1, 0.102]), (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


@given(st.floats(1e-4, 1e6), st.floats(1.21, 1e5))
def test_logarithmic_ticks_lie_within_the_range(low: float, factor: float) -> None:
    values = decades(low, low * factor)
    assert 2 <= len(values) <= 6
    assert all(low <= value <= low * factor for value in values)


def test_positions_are_shares_of_the_axis() -> None:
    assert (share(0.5, 0, 1), share(-1, 0, 1), share(2, 0, 1), share(0.875, 0.85, 0.95)) == (50, 0, 100, 25)


def test_the_comparison_says_which_intervals_overlap() -> None:
    test = {name: metrics(name, "test", correct=c) for name, c in (("a", 90), ("b", 84), ("c", 60))}
    chart = comparison(["a", "b", "c"], "a", {}, test)
    assert chart
    assert chart.sentence.startswith("The test interval of b overlaps that of a")
    assert [row.name for row in chart.rows] == ["a", "b", "c"]
    mark = chart.rows[0].test
    assert mark
    assert mark.low < mark.at < mark.high
    alone = comparison(["a", "c"], "a", {}, {"a": test["a"], "c": test["c"]})
    assert alone
    assert alone.sentence == "No other candidate's test interval reaches that of a."
    assert comparison([], None, {}, {}) is None


def test_all_curves_share_their_axes() -> None:
    long, short = curves([summary("long", epochs=6, fine_tune=True), summary("short", epochs=3)])
    assert long.panels[0].ticks == short.panels[0].ticks
    assert long.epochs == short.epochs == 6
    points = [tuple(map(float, pair.split(","))) for pair in short.panels[0].validation.split()]
    assert [x for x, _ in points] == [0, 20, 40]
    assert points[0][1] > points[1][1] > points[2][1]
    assert (long.boundary, short.boundary) == (50.0, None)
    assert short.panels[1].best == (points[2][0], pytest.approx(float(short.panels[1].validation.split(",")[-1])))


def test_one_epoch_and_no_epoch_can_be_drawn() -> None:
    (one,) = curves([summary(epochs=1)])
    assert one.panels[0].best[0] == 50
    assert curves([summary(epochs=1).model_copy(update={"history": ()})]) == ()


def test_confusions_are_counted_by_true_class() -> None:
    figures = metrics(correct=90)
    (only,) = confusions(figures)
    assert (only.true, only.predicted, only.count, only.share) == ("b", "a", 10, 0.2)
    rows = matrix(figures)
    assert rows
    assert [[cell.count for cell in cells] for _, cells in rows] == [[50, 0], [10, 40]]
    assert all(0 <= cell.tint <= 0.42 for _, cells in rows for cell in cells)


def test_weak_classes_come_first_and_say_what_they_are_taken_for() -> None:
    figures = metrics(correct=90)
    weak = figures.per_class[1].model_copy(update={"recall": 0.8})
    first, second = class_rows(figures.model_copy(update={"per_class": (figures.per_class[0], weak)}))
    assert (first.metrics.name, first.found, first.taken_for) == ("b", 40, (("a", 10),))
    assert first.mostly == "all others were taken for a"
    assert (second.taken_for, second.mostly) == ((), "")


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "0.0"), (0.98888, "98.9"), (0.9996, "99.96"), (0.99999, "99.999"), (0.9999999, "99.999"), (1, "100.0")],
)
def test_percentages_never_claim_perfection(share: float, expected: str) -> None:
    assert text.percent(share) == expected


def test_numbers_read_well() -> None:
    assert [text.duration(s).replace(text.THIN, " ") for s in (0.04, 9.96, 59.7, 312, 7500)] == [
        "0.0 s",
        "10 s",
        "1 min 00 s",
        "5 min 12 s",
        "2 h 05 min",
    ]
    assert [text.significant(v) for v in (0, 1.87e-42, 1e-4, 0.05671, 1.2345, 1240.4)] == [
        "0", "1.9e-42", "0.000100", "0.0567", "1.23", "1240",
    ]  # fmt: skip
    assert text.listing(["a", "b", "c"]) == "a, b and c"
    assert text.plural(1, "image") == "1 image"
    assert text.augmentation(AugmentConfig()) == "no augmentation"
    many = AugmentConfig(flip="alternating", crop=2, cutout=8, rand_augment=RandAugmentConfig(), mixup=0.2)
    assert text.augmentation(many).replace(text.THIN, " ") == (
        "alternating left-right flip, crop ±2 px, RandAugment (2 × 9), cutout 8 px, mixup (α = 0.2)"
    )


def test_large_pictures_are_reduced_and_gray_ones_have_one_channel() -> None:
    import base64

    for image, mode in (
        (np.zeros((300, 150, 3), np.uint8), "L"),
        (np.arange(300 * 150 * 3, dtype=np.uint32).astype(np.uint8).reshape(300, 150, 3), "RGB"),
    ):
        raw = base64.b64decode(data_uri(image).removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(raw)) as picture:
            assert (picture.size, picture.mode) == ((LARGEST // 2, LARGEST), mode)


@pytest.mark.slow
def test_figures_are_png_deterministic_and_usable_from_threads() -> None:
    named = metrics("a$b$<c>")
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(confusion_png(named))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [confusion_png(named)] * 2
    with Image.open(io.BytesIO(results[0])) as picture:
        assert picture.format == "PNG"
    history = summary(epochs=1)
    assert curves_png(history) == curves_png(history)
    with pytest.raises(ValueError, match="history is empty"):
        curves_png(history.model_copy(update={"history": ()}))
