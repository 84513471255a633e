"""Validation of real images is a matter of seconds."""

import pytest

from podium.data import open_dataset
from podium.data.sources import import_parquet
from podium.validation import load_suite, validate_dataset
from tests.conftest import ROOT
from tests.validation.made import contract


@pytest.mark.slow
def test_cifar10_is_valid_and_quickly_so(tmp_path, shared_data):
    train, test = shared_data / "cifar10-train.parquet", shared_data / "cifar10-test.parquet"
    manifest = import_parquet(tmp_path / "data", [train], [test], name="cifar10")
    assert [info.count for info in manifest.splits.values()] == [45_000, 5_000, 5_000]
    dataset = open_dataset(tmp_path / "data")
    suite = load_suite("cifar10", ROOT)
    validate_dataset(dataset, suite, {})  # loads the libraries
    report = validate_dataset(dataset, suite, {"net": contract(manifest)})
    assert report.passed
    assert not report.failed("warning")
    assert report.seconds < 300  # 4 s on two idle cores
