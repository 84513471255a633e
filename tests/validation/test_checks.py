"""Every check has a data set that it passes and one that it fails, on the images that are wrong."""

import numpy as np
import pytest

from podium.config import ValidationConfig
from podium.data.store import channel_statistics
from podium.validation import validate_dataset
from podium.validation.checks import CHECKS
from tests.validation.made import contract, dataset, without_images

OWN = "from_scratch"


def images(split):
    return lambda change: lambda arrays: change(arrays[split][0])


def shape(arrays):
    arrays["test"] = arrays["test"][0][:, :6], arrays["test"][1]


def dtype(arrays):
    arrays["validation"] = arrays["validation"][0].astype(np.float32), arrays["validation"][1]


def gray_channel(arrays):
    arrays["train"] = arrays["train"][0][..., :1], arrays["train"][1]


def label_missing(arrays):
    arrays["train"] = arrays["train"][0], arrays["train"][1][:-1]


def empty_split(arrays):
    arrays["test"] = arrays["test"][0][:0], arrays["test"][1][:0]


def absent_split(arrays):
    del arrays["test"]


def gray_test(arrays):
    arrays["test"][0][:] = arrays["test"][0][..., :1]


def label_out_of_range(arrays):
    arrays["validation"][1][[4, 9]] = 3, -1


def class_absent(arrays):
    arrays["test"][1][arrays["test"][1] == 2] = 0


def rare_class(arrays):
    arrays["test"][1][np.flatnonzero(arrays["test"][1] == 2)[1:]] = 0


def imbalance(arrays):
    arrays["train"][1][np.flatnonzero(arrays["train"][1] == 2)[5:]] = 0


def scaled_to_one(arrays):
    for pixels, _ in arrays.values():
        pixels[:] = pixels > 100


def narrow(arrays):
    arrays["test"][0][:] = 100 + arrays["test"][0] // 8


def other_statistics(arrays):
    for pixels, _ in arrays.values():
        pixels[:] = pixels // 3


def darker_test(arrays):
    arrays["test"][0][:] = arrays["test"][0] // 3


def black_and_red(arrays):
    arrays["train"][0][7] = 0
    arrays["train"][0][11] = 255, 0, 0


def faint(arrays):
    arrays["validation"][0][5] = 90
    arrays["validation"][0][5, 0, 0] = 92


def repeated(arrays):
    arrays["train"][0][3] = arrays["train"][0][0]


def leaked(arrays):
    arrays["test"][0][[2, 8]] = arrays["train"][0][[5, 17]]


def contradiction(arrays):
    arrays["train"][0][1] = arrays["train"][0][0]


DATA = [
    ("structure", "critical", "test", shape, []),
    ("structure", "critical", "validation", dtype, []),
    ("structure", "critical", "train", gray_channel, []),
    ("structure", "critical", "train", label_missing, []),
    ("structure", "critical", "test", empty_split, []),
    ("structure", "critical", "test", absent_split, []),
    ("color", "warning", "test", gray_test, []),
    ("label_set", "critical", "validation", label_out_of_range, [4, 9]),
    ("label_set", "critical", "test", class_absent, []),
    ("class_balance", "critical", "test", rare_class, []),
    ("class_balance", "critical", "train", imbalance, []),
    ("value_range", "critical", "train", scaled_to_one, list(range(32))),
    ("value_range", "warning", "test", narrow, []),
    ("normalization", "critical", "train", other_statistics, []),
    ("split_shift", "warning", "test", darker_test, []),
    ("empty_images", "critical", "train", black_and_red, [7, 11]),
    ("empty_images", "warning", "validation", faint, [5]),
    ("duplicates_within", "warning", "train", repeated, [3]),
    ("duplicates_across", "critical", "test", leaked, [2, 8]),
    ("contradictions", "warning", "train", contradiction, [0, 1]),
]

CONTRACTS = [
    ("normalization", "critical", {"mean": (125.0, 120.0, 110.0), "std": (60.0, 60.0, 60.0)}),
    ("normalization", "critical", {"std": (0.0, 0.2, 0.2)}),
    ("normalization", "warning", {"mean": (0.0, 0.0, 0.0), "std": (0.1, 0.1, 0.1)}),
    ("class_names", "critical", {"class_names": ("middle", "left", "right")}),
    ("class_names", "critical", {"class_names": ("left", "middle")}),
    ("same_size", "info", {"height": 64, "width": 64}),
]


def validate(given, **contracts):
    return validate_dataset(given, ValidationConfig(), contracts or {OWN: contract(given.manifest)})


@pytest.fixture(scope="module")
def good():
    return validate(dataset())


def test_every_check_has_a_failing_example():
    assert {name for name, *_ in DATA} | {name for name, *_ in CONTRACTS} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_good_data_set_passes(good, name):
    results = [result for result in good.results if result.name == name]
    assert results
    assert all(result.success for result in results)
    assert all(result.offending == () and result.offending_count == 0 for result in results)
    assert good.passed


@pytest.mark.parametrize(
    ("name", "severity", "split", "defect", "indices"), DATA, ids=[f"{row[0]}-{row[3].__name__}" for row in DATA]
)
def test_a_defect_fails_its_check_on_its_images(name, severity, split, defect, indices):
    report = validate(dataset(defect))
    (result, *_) = [r for r in report.failed(severity) if (r.name, r.split) == (name, split)]
    assert [image.index for image in result.offending] == indices
    assert all(image.split == split and image.reason for image in result.offending)
    assert result.evidence["success"] is False
    assert "{observed}" not in result.message
    assert report.passed is (not report.failed("critical"))
    if severity == "warning":
        assert report.passed


@pytest.mark.parametrize(("name", "severity", "changes"), CONTRACTS)
def test_a_contract_that_does_not_fit_fails(name, severity, changes):
    given = dataset()
    report = validate(given, good=contract(given.manifest), odd=contract(given.manifest, **changes))
    failed = [result for result in report.failed(severity) if result.name == name]
    assert failed
    assert {result.subject for result in failed} == {"odd"}


def test_a_foreign_backbone_is_no_critical_matter():
    given = dataset()
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    assert validate(given, transfer=contract(given.manifest, **imagenet)).passed


def test_bounds_come_from_the_configuration():
    given = dataset(leaked)
    contracts = {OWN: contract(given.manifest)}
    assert not validate_dataset(given, ValidationConfig(max_duplicates_across=1), contracts).passed
    assert validate_dataset(given, ValidationConfig(max_duplicates_across=2), contracts).passed


def test_an_empty_data_set_fails_without_breaking():
    report = validate(without_images(dataset()))
    assert {(r.name, r.split) for r in report.failed("critical")} == {
        ("structure", split) for split in ("train", "validation", "test")
    }


def test_reasons_name_the_twin_and_the_labels():
    def reason(defect, name):
        failed = [r for r in validate(dataset(defect)).results if not r.success and r.name == name]
        return failed[0].offending[0].reason

    assert reason(leaked, "duplicates_across") == "same as train 5"
    assert reason(repeated, "duplicates_within") == "same as train 0"
    assert reason(contradiction, "contradictions") == "labels 0 and 1"
    assert reason(label_out_of_range, "label_set") == "label 3"
    assert reason(black_and_red, "empty_images") == "one colour: (0, 0, 0)"


def test_all_offending_images_are_counted_but_not_all_listed():
    def black(arrays):
        arrays["train"][0][:40] = 0

    report = validate(dataset(black))
    (result,) = [r for r in report.failed("critical") if r.name == "empty_images"]
    assert (result.observed, result.offending_count, len(result.offending)) == (40, 40, 32)


def test_names_with_braces_are_left_alone():
    given = dataset(rare_class, names=("left", "{observed", "{0}"))
    assert any("'{0}'" in result.message for result in validate(given).failed("critical"))


def test_measurements_agree_with_plain_numpy():
    from podium.validation.measure import measure

    pixels = np.random.default_rng(0).integers(0, 256, (50, 7, 9, 3), dtype=np.uint8)
    pixels[3] = 9
    pixels[4] = pixels[4][..., :1]
    found = measure(pixels)
    assert found.minimum.tolist() == pixels.min(axis=(1, 2, 3)).tolist()
    assert found.maximum.tolist() == pixels.max(axis=(1, 2, 3)).tolist()
    assert np.abs(found.std - pixels.std(axis=(1, 2, 3))).max() < 0.01
    assert np.flatnonzero(found.constant).tolist() == [3]
    assert np.flatnonzero(found.gray).tolist() == [3, 4]
    mean, std = found.channel_statistics()
    assert np.allclose([mean, std], channel_statistics(pixels), atol=1e-5)
