"""Labels that are probably wrong: confident learning on out-of-fold probabilities of a cheap classifier.

Confident learning (Northcutt, Jiang & Chuang 2021, "Confident learning: estimating uncertainty in dataset labels", as
in cleanlab) compares each image's probabilities with the mean confidence of each class. The classifier is ridge
regression, in closed form, on orientation histograms (Dalal & Triggs 2005) and a colour thumbnail; the temperature that
turns scores into probabilities is fitted. On CIFAR-10 it is right about 56 % of the time, so what it names is a place
to look at, no verdict: with 3 % of 45,000 labels replaced it names 1.5 % of the images, 42 % of these rightly, which is
21 % of the replaced ones; of the labels as they are it names 1 % (``benchmarks/validation.py``, seed 0).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from podium.data.freed import give_back
from podium.data.rows import FileRows, temporary_files
from podium.validation.reading import read_rows

MAX_IMAGES: Final = 100_000
"""Of more images, so many are drawn and looked at: their features take 120 MB of a temporary file."""
LEAST_PER_CLASS: Final = 20
"""With fewer images a class on average, nothing can be said."""
_FOLDS: Final = 4
_DIRECTIONS: Final = 8
_CELLS: Final = 5
_COLORS: Final = 6
_FEATURES: Final = _DIRECTIONS * _CELLS**2 + 3 * _COLORS**2 + 1
_RIDGE: Final = 1e-3
_SHARPNESSES: Final = (2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_BLOCK: Final = 512
"""Images at a time …"""
_BLOCK_BYTES: Final = 1536 * 1024
"""… and at most so many bytes of pixels; as floats, in some directions, they are sixteen times as many."""
_SELF: Final = 0.005
"""An image is named if its label's probability is at most this …"""
_OTHER: Final = 0.5
"""… and another one's at least this."""

Features = NDArray[np.float32]


def label_issues(
    images: NDArray[np.uint8], labels: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Find labels that are probably wrong.

    Args:
        images: uint8 N×H×W×3.
        labels: int64 N; those out of range are left alone.
        classes: Number of classes.

    Returns:
        Whether each label is probably wrong (bool, N), and the class that is likelier (int64, N).
    """
    issues, likelier = np.zeros(len(labels), bool), np.asarray(labels, np.int64).copy()
    rows = np.flatnonzero((labels >= 0) & (labels < classes))
    rng = np.random.Generator(np.random.PCG64(0))
    if len(rows) > MAX_IMAGES:
        rows = np.sort(rng.choice(rows, MAX_IMAGES, replace=False))
    if len(rows) < LEAST_PER_CLASS * classes:
        return issues, likelier
    known = np.asarray(labels)[rows]
    with temporary_files():
        with threadpool_limits(1, user_api="blas"):
            features = describe(images, rows)
        give_back()
        folds = rng.permutation(len(rows)) % _FOLDS
        found, best = confident_issues(out_of_fold(features, known, classes, folds), known, classes)
    issues[rows], likelier[rows] = found, best
    return issues, likelier


def confident_issues(
    scores: FileRows, labels: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Off-diagonal of the confident joint, where label and alternative are far apart; and the likeliest class.

    Args:
        scores: float32 N×``classes``, as bytes.
        labels: int64 N.
        classes: Number of classes.
    """
    sharpness = _sharpness(scores, labels)
    own, most = np.empty(len(labels), np.float32), np.empty(len(labels), np.float32)
    best = np.empty(len(labels), np.int64)
    for part in _parts(len(labels)):
        found = _softmax(_read(scores, part), sharpness)
        own[part] = found[np.arange(len(found)), labels[part]]
        best[part], most[part] = found.argmax(axis=1), found.max(axis=1)
    count = np.maximum(np.bincount(labels, minlength=classes), 1)
    usual = np.bincount(labels, weights=own, minlength=classes) / count
    return (best != labels) & (most >= np.maximum(usual[best], _OTHER)) & (own <= _SELF), best


def out_of_fold(features: FileRows, labels: NDArray[np.int64], classes: int, folds: NDArray[np.int64]) -> FileRows:
    """Scores (N×classes of float32) of each image by the ridge regression on the other folds.

    Standardizes ``features``. They, and the scores, are in memory block by block.
    """
    _standardize(features)
    members = [np.flatnonzero(folds == fold) for fold in range(_FOLDS)]
    grams = [np.zeros((_FEATURES, _FEATURES)) for _ in members]
    products = [np.zeros((_FEATURES, classes)) for _ in members]
    for fold, rows in enumerate(members):
        for part in _parts(len(rows)):
            own = _read(features, rows[part])
            grams[fold] += own.T @ own.copy()  # of one and the same array BLAS rounds in another way
            one_hot = np.zeros((len(own), classes), np.float32)
            one_hot[np.arange(len(own)), labels[rows[part]]] = 1
            products[fold] += own.T @ one_hot
    weights = [_ridge(grams, products, fold, len(labels) - len(rows)) for fold, rows in enumerate(members)]
    scores = FileRows(len(labels), classes * 4)
    for part in _parts(len(labels)):
        own = _read(features, part)
        found = np.empty((len(own), classes), np.float32)
        for fold, of_fold in enumerate(weights):
            chosen = folds[part] == fold
            found[chosen] = own[chosen] @ of_fold
        scores.write(part.start, found.view(np.uint8))
    return scores


def _ridge(
    grams: list[NDArray[np.float64]], products: list[NDArray[np.float64]], fold: int, count: int
) -> NDArray[np.float32]:
    """Weights from all folds but one, which have ``count`` images: features × classes."""
    gram = sum(grams) - grams[fold] + _RIDGE * count * np.eye(_FEATURES)
    return np.linalg.solve(gram, sum(products) - products[fold]).astype(np.float32)


def _standardize(features: FileRows) -> None:
    """In place, in blocks. A column without deviation stays as it is."""
    parts = _parts(len(features))
    mean = sum(_read(features, part).sum(axis=0, dtype=np.float64) for part in parts) / len(features)
    square = sum(np.square(_read(features, part) - mean).sum(axis=0, dtype=np.float64) for part in parts)
    square = square / len(features)
    kept = square > 0
    center, scale = np.where(kept, mean, 0), np.where(kept, np.sqrt(square) + 1e-3, 1)
    for part in parts:
        block = _read(features, part)
        np.subtract(block, center.astype(np.float32), out=block)
        np.divide(block, scale.astype(np.float32), out=block)
        features.write(part.start, block.view(np.uint8))


def _read(features: FileRows, which: slice | NDArray[np.int64]) -> Features:
    return features[which].view(np.float32)


def _sharpness(scores: FileRows, labels: NDArray[np.int64]) -> float:
    """What scores are multiplied by: the inverse of the temperature with the greatest likelihood (Guo et al. 2017)."""
    likelihood = np.zeros(len(_SHARPNESSES))
    for part in _parts(len(labels)):
        block = _read(scores, part)
        for i, sharpness in enumerate(_SHARPNESSES):
            own = _softmax(block, sharpness)[np.arange(len(block)), labels[part]]
            likelihood[i] += np.log(own + 1e-12).sum(dtype=np.float64)
    return _SHARPNESSES[int(likelihood.argmax())]


def _softmax(scores: Features, sharpness: float) -> Features:
    powers = np.exp(sharpness * (scores - scores.max(axis=1, keepdims=True)))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _parts(count: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]


def describe(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> FileRows:
    """Orientation histograms, a colour thumbnail, and 1 for the intercept, on all cores: N×309 of float32."""
    found = FileRows(len(rows), _FEATURES * 4)
    size = max(1, min(_BLOCK, _BLOCK_BYTES // max(1, int(np.prod(images.shape[1:])))))

    def work(start: int) -> None:
        some = _describe_block(read_rows(images, rows[start : start + size]))
        found.write(start, np.append(some, np.ones((len(some), 1), np.float32), axis=1).view(np.uint8))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(work, range(0, len(rows), size)))
    return found


def _describe_block(images: NDArray[np.uint8]) -> Features:
    count, height, width, _ = images.shape
    values = images.astype(np.float32)
    gray = values @ np.array([0.299, 0.587, 0.114], np.float32)
    along_x, along_y = np.zeros_like(gray), np.zeros_like(gray)
    along_x[:, :, 1:-1] = gray[:, :, 2:] - gray[:, :, :-2]
    along_y[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    down, right = _pool(height, _CELLS), _pool(width, _CELLS).T
    parts = []
    for angle in np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS:
        edge = np.float32(np.cos(angle)) * along_x + np.float32(np.sin(angle)) * along_y
        parts.append((down @ np.maximum(edge - 4, 0) @ right).reshape(count, -1))
    edges = np.sqrt(np.concatenate(parts, axis=1))
    edges *= 8 / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1)
    rows = (_pool(height, _COLORS) @ values.reshape(count, height, width * 3)).reshape(-1, width, 3)
    colors = (_pool(width, _COLORS) @ rows).reshape(count, -1)
    return np.concatenate([edges, colors / 64], axis=1)


@cache
def _pool(size: int, cells: int) -> NDArray[np.float32]:
    """cells×size: triangular windows that overlap by half."""
    middle = (np.arange(cells) + 0.5) * size / cells
    reach = max(1.0, size / cells)
    window = np.clip(1 - np.abs(np.arange(size)[None] + 0.5 - middle[:, None]) / reach, 1e-6, None)
    return (window / window.sum(axis=1, keepdims=True)).astype(np.float32)
