"""Reference T10: inputs without the range that the backbone was trained on are refused, with the cause, everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from podium.errors import DataError, ValidationFailed
from podium.training.inputs import Normalizer, check_dataset, check_images
from podium.training.predict import predict_probabilities
from podium.validation import ensure_valid, validate_dataset
from tests.validation.defects import scaled_to_one
from tests.validation.made import contract, dataset, only

MOBILENET = {"trained_range": (-1.0, 1.0)}
"""Keras's MobileNetV2 was trained on [-1, 1]."""
WRONG = {
    "given [0, 1]": ({**MOBILENET, "mean": (0.0,) * 3, "std": (1.0,) * 3}, "from -1 to 1.*from 0 to 1"),
    "given 0…255": ({**MOBILENET, "mean": (0.0,) * 3, "std": (1 / 255,) * 3}, "from -1 to 1.*from 0 to 255"),
    "trained on 0…255, given [0, 1]": (
        {"trained_range": (0.0, 255.0), "mean": (0.0,) * 3, "std": (1.0,) * 3},
        "from 0 to 255.*from 0 to 1",
    ),
    "statistics on 0…255": ({"mean": (127.5,) * 3, "std": (127.5,) * 3}, r"not on \[0, 1\].*grey levels"),
}


class Spy(torch.nn.Module):
    """Remembers that it was asked."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.asked = False

    def forward(self, images):
        self.asked = True
        return torch.zeros(len(images), 3)


@pytest.mark.parametrize("kind", WRONG)
def test_validation_refuses_the_wrong_range_and_names_the_cause(kind, tmp_path):
    changes, cause = WRONG[kind]
    given = dataset()
    report = validate_dataset(given, only("normalization"), {"t10": contract(given.manifest, **changes)})
    with pytest.raises(ValidationFailed, match=cause) as caught:
        ensure_valid(report, given, tmp_path)
    assert caught.value.exit_code == 3
    assert "t10" in caught.value.message


@pytest.mark.parametrize("kind", WRONG)
def test_training_and_prediction_refuse_it_too(kind):
    changes, cause = WRONG[kind]
    given, net = dataset(), Spy()
    broken = contract(given.manifest, **changes)
    with pytest.raises(DataError, match=cause):
        check_dataset(given, broken)
    with pytest.raises(DataError, match=cause):
        predict_probabilities(net, np.asarray(given["test"].images), broken)
    assert not net.asked


def test_the_right_range_is_what_the_network_gets(tmp_path):
    given = dataset()
    right = contract(given.manifest, mean=(0.5,) * 3, std=(0.5,) * 3, **MOBILENET)
    report = validate_dataset(given, only("normalization"), {"net": right})
    ensure_valid(report, given, tmp_path)
    check_images(np.asarray(given["train"].images), right)
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    values = Normalizer.of(right, torch.device("cpu"))(black_and_white)
    assert values.amin().item() == pytest.approx(-1)
    assert values.amax().item() == pytest.approx(1)


def test_images_that_were_scaled_before_they_were_stored_are_refused_with_the_cause(tmp_path):
    given = dataset(scaled_to_one)
    net = contract(given.manifest, mean=(0.5,) * 3, std=(0.5,) * 3, **MOBILENET)
    report = validate_dataset(given, only("normalization"), {"net": net})
    with pytest.raises(ValidationFailed, match=r"scaled to \[0, 1\] before they were stored"):
        ensure_valid(report, given, tmp_path)
    with pytest.raises(DataError, match=r"scaled to \[0, 1\] before they were stored"):
        check_dataset(given, net)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_prediction_refuses_numbers_that_are_no_bytes(kind):
    given, net = dataset(), Spy()
    scaled = np.asarray(given["test"].images).astype(kind)
    with pytest.raises(DataError, match="asks for uint8 from 0 to 255"):
        predict_probabilities(net, scaled, contract(given.manifest))
    assert not net.asked
