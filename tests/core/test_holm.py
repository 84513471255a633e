from __future__ import annotations

import pytest

from podium.holm import corrected


def test_holm_as_in_the_textbook() -> None:
    assert corrected([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([0.9, 0.8]).tolist() == [1, 1]
    assert corrected([0.03]).tolist() == [0.03]


def test_holms_correction() -> None:
    assert corrected([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert corrected([0.6, 0.5]).tolist() == pytest.approx([1.0, 1.0])
    five = [0.011, 0.02, 0.001, 0.3, 0.013]
    assert corrected(five).tolist() == pytest.approx([0.044, 0.044, 0.005, 0.3, 0.044])
    assert corrected([]).tolist() == []
