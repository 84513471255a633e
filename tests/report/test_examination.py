from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from podium.evaluation.records import CorruptionAccuracy, Robustness
from podium.report import RunReport
from podium.report.examination import heat_map, looked_at, reliability_bars
from podium.results import ReliabilityBin


def test_bars_stand_where_their_bins_are() -> None:
    diagram = [
        ReliabilityBin(low=0, high=0.5, count=0, confidence=None, accuracy=None),
        ReliabilityBin(low=0.5, high=0.75, count=10, confidence=0.6, accuracy=0.9),
        ReliabilityBin(low=0.75, high=1, count=40, confidence=0.95, accuracy=0.5),
    ]
    first, second = reliability_bars(diagram)
    assert (first.left, first.width, first.top, first.sure, first.share) == (50, 25, 10, 40, 0.25)
    assert (second.left, second.top, second.sure, second.share) == (75, 50, 5, 1)


def test_the_tint_is_what_is_lost(run_report: RunReport) -> None:
    accuracies = (("jpeg", 1, 0.8), ("jpeg", 5, 0.4), ("fog", 1, 0.9), ("fog", 5, 0.0))
    robustness = Robustness(
        count=9,
        seed=0,
        clean_accuracy=0.8,
        mean_accuracy=0.5,
        relative_accuracy=0.6,
        corruptions=tuple(
            CorruptionAccuracy(name=name, group="light", severity=severity, accuracy=accuracy)
            for name, severity, accuracy in accuracies
        ),
    )
    severities, (jpeg, fog) = heat_map(robustness, run_report.dataset["validation"])
    assert severities == (1, 5)
    assert jpeg.cells == (("80.0", 0, ""), ("40.0", 0.25, ""))
    assert fog.cells == (("90.0", 0, ""), ("0.0", 0.5, ""))
    assert jpeg.example.alt == "image 0 with jpeg at severity 5"
    rival = robustness.model_copy(update={"corruptions": robustness.corruptions[1:]})
    _, (jpeg, _) = heat_map(robustness, run_report.dataset["validation"], rival)
    assert jpeg.cells == (("80.0", 0, ""), ("40.0", 0.25, "40.0")), "what the other was not tried on is left empty"


def test_every_map_has_its_image(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"]
    looked = looked_at(found, run_report.dataset["validation"])
    assert [one.index for one in looked] == [one.index for one in found.findings.saliency]
    assert [one.correct for one in looked] == sorted(one.correct for one in looked)
    with Image.open(io.BytesIO(base64.b64decode(looked[0].original.uri.partition(",")[2]))) as shown:
        expected = run_report.dataset["validation"].images[looked[0].index]
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), expected)
    with Image.open(io.BytesIO(base64.b64decode(looked[0].map.uri.partition(",")[2]))) as shown:
        assert shown.size == (96, 96)


def test_pictures_and_samples_belong_together(run_report: RunReport) -> None:
    found = run_report.examinations["resnet20"]
    short = type(found)(found.findings, found.saliency[:-1])
    with pytest.raises(ValueError, match="shorter"):
        looked_at(short, run_report.dataset["validation"])
