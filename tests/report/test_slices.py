from __future__ import annotations

from podium.report import RunReport
from podium.report.slices import CLASSES, slice_chart


def test_slices_are_in_groups_the_weakest_classes_first(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"].findings.slices
    weak = tuple(one.model_copy(update={"weak": one.name == "low"}) for one in found)
    chart = slice_chart(weak)
    assert [title for title, _ in chart.groups] == ["Brightness", "Contrast", "Class"]
    assert [row.name for row in chart.groups[0][1]] == ["dark", "medium", "bright"]
    classes = [row.mark.at for row in chart.groups[2][1]]
    assert classes == sorted(classes)
    assert chart.weak == ("dark images", "flat images")
    assert chart.hidden == 0
    for _, rows in chart.groups:
        assert all(0 <= row.mark.low <= row.mark.at <= row.mark.high <= 100 for row in rows)


def test_a_rival_stands_beside_on_the_same_axis(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"].findings.slices
    worse = [
        one.model_copy(update={"accuracy": 0.01, "accuracy_low": 0.0, "weak": one.name == "high"}) for one in found
    ]
    chart = slice_chart(found, list(reversed(worse)))
    assert chart.two
    assert chart.rival_weak == ("high contrast images", "bright images")
    for _, rows in chart.groups:
        assert all(row.rival is not None and row.rival.label == "1.0" and row.rival.low == 0 for row in rows)


def test_of_many_classes_the_weakest_are_drawn(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"].findings.slices
    many = [
        found[-1].model_copy(update={"name": f"c{i}", "accuracy": i / 40, "accuracy_low": 0.0, "accuracy_high": 1.0})
        for i in range(40)
    ]
    chart = slice_chart(many)
    assert chart.hidden == 40 - CLASSES
    assert [row.name for row in chart.groups[0][1]] == [f"c{i}" for i in range(CLASSES)]
