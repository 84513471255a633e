"""Every expectation has a data set that it passes and one that it fails, on the images that are wrong."""

from dataclasses import replace

import numpy as np
import pytest

from podium.data.store import channel_statistics
from podium.validation import validate_dataset
from podium.validation.expectations import EXPECTATIONS
from podium.validation.measures import MEASURES
from tests.validation.defects import (
    CONTRACTS,
    DATA,
    ORIGINALS,
    black_and_red,
    brightened_leak,
    contradiction,
    label_out_of_range,
    leaked,
    rare_class,
    relabelled,
    repeated,
    scaled_to_one,
)
from tests.validation.made import DEFAULT, contract, dataset, only, with_items, without_images

OWN = "from_scratch"


STRICT = {"near_duplicates_within", "mislabelled"}
"""Their share has to be lowered to find one image of a small data set."""


def validate(given, suite=DEFAULT, **contracts):
    return validate_dataset(given, suite, contracts or {OWN: contract(given.manifest)})


def failing(name, defect):
    suite = only(name, **({"max_share": 0.0} if name in STRICT else {}))
    return validate(dataset(defect, times=10 if name == "mislabelled" else 1), suite)


@pytest.fixture(scope="module")
def good():
    return validate(dataset())


def test_every_expectation_has_a_failing_example():
    named = {name for name, *_ in (*DATA, *CONTRACTS, *ORIGINALS)} | {"excluded", "groups_across"}
    assert named == {item.id for item in DEFAULT.expectations}


def test_every_measure_and_every_class_of_ours_is_used_by_the_default_suite():
    tables = {table for table, _ in DEFAULT.columns()}
    assert tables == {measure.table for measure in MEASURES.values()} - {"channels"}
    assert {item.type for item in DEFAULT.expectations} >= set(EXPECTATIONS)


@pytest.mark.parametrize("name", [item.id for item in DEFAULT.expectations])
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
    report = failing(name, defect)
    (result,) = [r for r in report.results if not r.success and r.split == split]
    assert (result.name, result.severity) == (name, severity)
    assert [image.index for image in result.offending] == indices
    assert all(image.split == split and image.reason for image in result.offending)
    assert result.evidence["success"] is False
    assert "{" not in result.message + result.expected + "".join(image.reason for image in result.offending)
    assert report.passed is (severity != "critical")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "severity", "changes"), CONTRACTS)
def test_a_contract_that_does_not_fit_fails(name, severity, changes):
    given = dataset()
    report = validate(given, good=contract(given.manifest), odd=contract(given.manifest, **changes))
    failed = [result for result in report.failed(severity) if result.name == name]
    assert failed
    assert {result.subject for result in failed} == {"odd"}


@pytest.mark.slow
def test_a_foreign_backbone_is_no_critical_matter():
    given = dataset()
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    assert validate(given, transfer=contract(given.manifest, **imagenet)).passed


@pytest.mark.slow
@pytest.mark.parametrize(("name", "severity", "columns"), ORIGINALS)
def test_originals_of_another_kind_fail(name, severity, columns):
    report = validate(with_items(dataset(), "test", **columns))
    (result,) = [r for r in report.failed(severity) if r.name == name]
    assert result.split == "test"
    assert report.passed


@pytest.mark.slow
def test_files_that_were_left_out_are_told_of():
    given = dataset()
    report = validate(replace(given, manifest=given.manifest.model_copy(update={"excluded": 5})))
    (result,) = report.failed("warning")
    assert (result.name, "files left out at import: 5" in result.message) == ("excluded", True)


@pytest.mark.slow
def test_what_is_scaled_to_one_is_named_as_the_cause():
    report = validate(dataset(scaled_to_one))
    (result, *_) = [r for r in report.failed("critical") if r.name in ("normalization", "own_normalization")]
    assert "scaled to [0, 1] before they were stored" in result.message


def test_an_empty_data_set_fails_without_breaking():
    report = validate(without_images(dataset()))
    assert {(r.name, r.split) for r in report.failed("critical")} == {
        ("structure", split) for split in ("train", "validation", "test")
    }


@pytest.mark.slow
def test_reasons_name_the_twin_and_the_labels():
    def reason(defect, name):
        failed = [r for r in failing(name, defect).results if not r.success]
        return failed[0].offending[0].reason

    assert reason(leaked, "duplicates_across") == "same as train 5"
    assert reason(repeated, "duplicates_within") == "same as train 0"
    assert reason(contradiction, "contradictions") == "labels 0 and 1"
    assert reason(brightened_leak, "near_duplicates_across") == "same picture as train 9"
    assert reason(relabelled, "mislabelled") == "looks like left"
    assert reason(label_out_of_range, "label_set") == "label 3"
    assert reason(black_and_red, "constant") == "one colour: (0, 0, 0)"


@pytest.mark.slow
def test_all_offending_images_are_counted_but_not_all_listed():
    def black(arrays):
        arrays["train"][0][:40] = 0

    report = validate(dataset(black))
    (result,) = [r for r in report.failed("critical") if r.name == "constant"]
    assert (result.observed, result.offending_count, len(result.offending)) == (40, 40, 32)


def test_very_many_offending_images_are_counted():
    def black(arrays):
        arrays["train"][0][:1500] = 0

    report = validate(dataset(black, times=30), only("constant"))
    (result,) = report.failed("critical")
    assert (result.observed, result.offending_count, len(result.offending)) == (1500, 1500, 32)
    assert result.evidence["result"]["unexpected_count"] == 1500


@pytest.mark.slow
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
