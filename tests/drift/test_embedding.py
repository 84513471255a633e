"""The classifier two-sample test: against scikit-learn, its level, its power."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from podium.drift import embedding
from podium.drift.embedding import classifier_test, roc_areas


def two(n: int, m: int, shift: float, seed: int, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)), rng.normal(size=(m, width)) + shift


def test_areas_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(50, 4)), (rng.random((50, 4)) < 0.4).astype(float)
    expected = [roc_auc_score(labels[:, i], scores[:, i]) for i in range(4)]
    assert roc_areas(scores, labels) == pytest.approx(expected)


def test_scores_are_those_of_ridge_regressions_on_the_other_folds() -> None:
    a, b = two(40, 50, 0.5, 1)
    x = embedding._standardize(np.concatenate([a, b]))
    y = np.repeat([0.0, 1.0], [40, 50]).astype(np.float32)
    folds = np.arange(90) % 5
    out = embedding._out_of_fold(x, y[:, None], folds)[:, 0]
    for fold in range(5):
        train, test = folds != fold, folds == fold
        model = Ridge(alpha=float(train.sum())).fit(x[train], y[train])
        # Ours leaves the intercept out: it would tell how many of each side are in the other folds.
        expected = model.predict(x[test]) - y[train].mean()
        assert out[test] == pytest.approx(expected, abs=1e-4)


def test_a_shift_is_found_and_scores_tell_the_sides_apart() -> None:
    found = classifier_test(*two(120, 100, 0.8, 2), permutations=199, seed=0)
    assert found.p_value == 1 / 200
    assert found.auc > 0.85
    assert (len(found.reference_scores), len(found.current_scores)) == (120, 100)
    labels = np.repeat([0, 1], [120, 100])
    scores = np.concatenate([found.reference_scores, found.current_scores])
    assert roc_auc_score(labels, scores) == pytest.approx(found.auc)


@pytest.mark.slow
def test_p_values_are_uniform_where_nothing_differs() -> None:
    values = [classifier_test(*two(30, 40, 0, seed), permutations=99, seed=seed).p_value for seed in range(80)]
    assert np.mean(np.array(values) <= 0.05) <= 0.125  # 0.05 expected; 0.125 is exceeded once in 300
    assert 0.4 < np.mean(values) < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_features_that_are_all_equal_find_nothing(seed: int) -> None:
    same = np.ones((60, 4))
    found = classifier_test(same, same, permutations=99, seed=seed)
    assert found.p_value > 0.01
    assert found.auc == pytest.approx(0.5, abs=0.2)


def test_identical_images_come_into_one_fold() -> None:
    a, _ = two(60, 1, 0, 4)
    groups = np.concatenate([np.arange(60), np.arange(60)])
    folds = embedding._folds(groups, np.random.default_rng(0))
    assert (folds[:60] == folds[60:]).all()
    assert np.bincount(folds).tolist() == [24] * 5
    assert classifier_test(a, a, permutations=99, seed=0, groups=groups).p_value > 0.05


def test_the_seed_decides() -> None:
    sides = two(50, 50, 0.2, 5)
    first, again, other = (classifier_test(*sides, permutations=99, seed=seed) for seed in (1, 1, 2))
    assert (first.auc, first.p_value) == (again.auc, again.p_value)
    assert first.auc != other.auc
