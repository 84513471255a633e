"""Weights from the hub: what is kept of a published file, and what is refused."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

import podium.models.hub
from podium import atomic
from podium.digest import digest_file
from podium.errors import WeightsError
from podium.models import WeightsStore
from podium.models.hub import fetch, shapes_of
from podium.models.hub import published as known
from podium.models.places import weights_store
from podium.models.weights import EMBEDDED, read_provenance
from podium.settings import Settings

from .hub_server import ARCHITECTURE, COMMIT, NAME, REPOSITORY, Hub, as_safetensors, point_to, published, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving({"model.safetensors": as_safetensors(published())}, monkeypatch, tmp_path / "cache") as hub:
        yield hub


def pickled(value: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def kept(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith(".lock"))


def flip_last_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.slow
def test_what_is_kept_is_the_published_backbone_and_its_origin(hub: Hub, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    provenance = fetch(NAME, tmp_path / "out")
    assert torch.equal(torch.get_rng_state(), before)
    state, original = load_file(tmp_path / "out" / f"{NAME}.safetensors"), published()
    assert {key: value.shape for key, value in state.items()} == shapes_of(ARCHITECTURE)
    assert all(torch.equal(value, original[key]) for key, value in state.items())
    assert not any(key.startswith("classifier") or key.endswith("num_batches_tracked") for key in state)
    assert provenance == read_provenance(tmp_path / "out" / f"{NAME}.json")
    assert provenance.source == f"hf-hub:{REPOSITORY}@{COMMIT}"
    assert (provenance.architecture, provenance.licence) == (ARCHITECTURE, "apache-2.0")
    assert provenance.source_data.startswith("ImageNet-1k")
    assert (provenance.input_size, provenance.mean) == ((160, 160), (0.485, 0.456, 0.406))
    assert provenance.trained_range == pytest.approx((-2.118, 2.64), abs=1e-3)
    assert provenance.sha256 == digest_file(tmp_path / "out" / f"{NAME}.safetensors")


@pytest.mark.slow
def test_the_network_with_these_weights_computes_what_timms_own_does(hub: Hub, tmp_path: Path) -> None:
    fetch(NAME, tmp_path / "out")
    net = timm.create_model(ARCHITECTURE, num_classes=0).eval()
    WeightsStore(tmp_path / "out").load(NAME).into(net)
    own = timm.create_model(NAME, pretrained=True, num_classes=0).eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(net(images), own(images))


@pytest.mark.slow
def test_half_precision_becomes_single(hub: Hub, tmp_path: Path) -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in published().items()}
    hub.files["model.safetensors"] = as_safetensors(state)
    fetch(NAME, tmp_path / "out")
    kept = load_file(tmp_path / "out" / f"{NAME}.safetensors")
    assert {value.dtype for value in kept.values()} == {torch.float32}


@pytest.mark.slow
def test_the_store_fetches_once_and_then_needs_no_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WeightsStore(None, tmp_path / "fetched")
    digest = store.provenance(NAME).digest
    asked = len(hub.asked)
    assert store.load(NAME).provenance.digest == digest
    assert WeightsStore(None, tmp_path / "fetched").find(NAME).parent == tmp_path / "fetched"
    assert len(hub.asked) == asked > 0
    monkeypatch.setattr("podium.models.hub.download", None)
    assert fetch(NAME, tmp_path / "fetched").digest == digest


def test_the_pipelines_start_finds_missing_weights_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache", offline=True)
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_WEIGHTS": str(tmp_path / "user")})
    store = weights_store(settings)
    assert [place.folder for place in store.places()] == [
        tmp_path / "user",
        EMBEDDED,
        tmp_path / ".podium" / "weights",
    ]
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        store.provenance(NAME)


def test_the_users_copy_comes_before_the_hub(hub: Hub, tmp_path: Path) -> None:
    fetch(NAME, tmp_path / "user")
    hub.asked.clear()
    store = WeightsStore(tmp_path / "user", tmp_path / "fetched")
    assert store.find(NAME).parent == tmp_path / "user"
    assert not hub.asked
    assert not (tmp_path / "fetched").exists()


def test_a_store_without_a_folder_for_fetched_weights_does_not_ask_the_hub(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="are in none of"):
        WeightsStore(tmp_path).find(NAME)
    assert not hub.asked


@pytest.mark.slow
def test_the_cache_serves_a_machine_without_access(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(NAME, tmp_path / "a")
    point_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache", offline=True)
    assert fetch(NAME, tmp_path / "b") == first


class TestMissing:
    def message(self, store: WeightsStore) -> WeightsError:
        with pytest.raises(WeightsError) as caught:
            store.provenance(NAME)
        for words in ("podium weights fetch", "PODIUM_WEIGHTS", "HF_ENDPOINT", "HF_TOKEN", "HF_HOME", "another candid"):
            assert words in caught.value.remedy
        assert "\n" not in str(caught.value.message)
        return caught.value

    def test_offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        point_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache", offline=True)
        error = self.message(WeightsStore(tmp_path / "user", tmp_path / "fetched"))
        assert "HF_HUB_OFFLINE is set" in error.message
        assert str(tmp_path / "user") in error.message
        assert str(tmp_path / "fetched") in error.message

    def test_refused_connection(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        point_to(monkeypatch, endpoint, tmp_path / "cache")
        error = self.message(WeightsStore(None, tmp_path / "fetched"))
        assert f"{endpoint} cannot be reached" in error.message
        assert "refused" in error.message

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_answers(self, status: int, hub: Hub, tmp_path: Path) -> None:
        hub.files.clear()
        hub.status = status
        error = self.message(WeightsStore(None, tmp_path / "fetched"))
        assert f"answered {status}" in error.message
        assert REPOSITORY in error.message
        assert not kept(tmp_path / "fetched")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("test_efficientnet", r"tag is missing\n.*test_efficientnet\.r160_in1k"),
        ("test_efficientnet.r160_in2k", r"knows no weights.*\n.*test_efficientnet\.r160_in1k"),
        ("test_eficientnet.r160_in1k", r"nor a network.*\n.*did you mean .*test_efficientnet"),
        ("zzzzzz.qq", r"nor a network.*\n.*list_pretrained"),
        ("../test_efficientnet.r160_in1k", "not a name of weights"),
    ],
)
def test_names_that_timm_does_not_know(name: str, words: str) -> None:
    with pytest.raises(WeightsError) as caught:
        known(name)
    assert re.search(words, str(caught.value))


@pytest.mark.parametrize("name", ["../w", "a/b", "/etc/x", "..", ".w", "a\\b", "W", "", "w\n"])
def test_no_name_leaves_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a name of weights"):
        WeightsStore(tmp_path / "user", tmp_path / "fetched").find(name)


class TestRefused:
    def refused(self, folder: Path, words: str) -> None:
        with pytest.raises(WeightsError, match=words):
            fetch(NAME, folder)
        assert not kept(folder)

    def test_a_pickle_that_would_run_code(self, hub: Hub, tmp_path: Path) -> None:
        hub.files = {"pytorch_model.bin": pickled({"conv_stem.weight": Malicious(tmp_path / "harm")})}
        self.refused(tmp_path / "out", "cannot be read .*weights_only")
        assert not (tmp_path / "harm").exists()

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")
    def test_an_old_pickle_that_would_run_code(self, hub: Hub, tmp_path: Path) -> None:
        hub.files = {"pytorch_model.bin": pickle.dumps({"x": Malicious(tmp_path / "harm")})}
        self.refused(tmp_path / "out", "cannot be read")
        assert not (tmp_path / "harm").exists()

    @pytest.mark.parametrize("key", ["conv_stem.weight", "bn1.running_mean"])
    def test_what_a_file_lacks_is_not_filled_with_random_values(self, key: str, hub: Hub, tmp_path: Path) -> None:
        state = published()
        del state[key]
        hub.files["model.safetensors"] = as_safetensors(state)
        self.refused(tmp_path / "out", f"has no {key}")

    def test_another_shape(self, hub: Hub, tmp_path: Path) -> None:
        hub.files["model.safetensors"] = as_safetensors({**published(), "conv_stem.weight": torch.ones(1, 3, 3, 3)})
        self.refused(tmp_path / "out", "does not fit the network")

    def test_values_that_are_no_numbers(self, hub: Hub, tmp_path: Path) -> None:
        state = published()
        state["bn1.weight"][0] = torch.nan
        hub.files["model.safetensors"] = as_safetensors(state)
        self.refused(tmp_path / "out", r"bn1\.weight is not finite")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"\x08\0\0\0\0\0\0\0{}      "])
    def test_no_weights_at_all(self, content: bytes, hub: Hub, tmp_path: Path) -> None:
        hub.files["model.safetensors"] = content
        self.refused(tmp_path / "out", "cannot be read|has no")


@pytest.mark.slow
def test_a_pickle_of_tensors_alone_is_taken(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"pytorch_model.bin": pickled(published())}
    assert fetch(NAME, tmp_path / "out").source == f"hf-hub:{REPOSITORY}@{COMMIT}"


@pytest.mark.slow
class TestAddress:
    """Some of timm's weights have an address and no place on the hub."""

    @pytest.fixture
    def at(self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """Where the file is looked for."""
        address = f"{constants.ENDPOINT}/{REPOSITORY}/resolve/main/{ARCHITECTURE}-0123abcd.pth"
        config = dataclasses.replace(known(NAME), hf_hub_id=None, url=address)
        monkeypatch.setattr(podium.models.hub, "published", lambda _: config)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        return address

    def test_is_where_they_come_from(self, hub: Hub, at: str, tmp_path: Path) -> None:
        hub.files = {at.rpartition("/")[2]: pickled(published())}
        assert fetch(NAME, tmp_path / "out").source == at
        state = load_file(tmp_path / "out" / f"{NAME}.safetensors")
        assert all(torch.equal(value, published()[key]) for key, value in state.items())

    def test_a_pickle_that_would_run_code(self, hub: Hub, at: str, tmp_path: Path) -> None:
        hub.files = {at.rpartition("/")[2]: pickled({"a": Malicious(tmp_path / "made")})}
        with pytest.raises(WeightsError, match="cannot be read"):
            fetch(NAME, tmp_path / "out")
        assert not (tmp_path / "made").exists()

    def test_nothing_there(self, hub: Hub, at: str, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="cannot be fetched") as caught:
            fetch(NAME, tmp_path / "out")
        assert "PODIUM_WEIGHTS" in str(caught.value)


@pytest.mark.slow
def test_threads_that_ask_at_once_fetch_once(hub: Hub, tmp_path: Path) -> None:
    store = WeightsStore(None, tmp_path / "fetched")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.provenance(NAME).digest, range(4)))
    assert len(set(found)) == 1
    assert len([path for method, path in hub.asked if method == "GET" and "/resolve/" in path]) == 1


@pytest.mark.slow
def test_a_kill_between_the_two_files_leaves_nothing_that_is_used(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "fetched"
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(NAME, folder)
    assert kept(folder) == [f"{NAME}.safetensors"]
    (folder / f".{NAME}.safetensors.new-abc").write_bytes(b"half")
    assert next(place for place in WeightsStore(None, folder).places() if place.kind == "fetched").file(NAME) is None
    assert WeightsStore(None, folder).load(NAME).provenance.name == NAME
    assert not list(folder.glob(".*.new-*"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["tensors", "provenance", "no provenance"])
def test_fetching_again_replaces_what_is_damaged(damage: str, hub: Hub, tmp_path: Path) -> None:
    fetch(NAME, tmp_path)
    file = tmp_path / f"{NAME}.safetensors"
    if damage == "tensors":
        flip_last_byte(file)
        with pytest.raises(WeightsError, match="not what") as caught:
            WeightsStore(None, tmp_path).load(NAME)
        assert f"podium weights fetch {NAME} --to {tmp_path}" in caught.value.remedy
    elif damage == "provenance":
        file.with_suffix(".json").write_text("{}")
    else:
        file.with_suffix(".json").unlink()
    fetch(NAME, tmp_path)
    assert WeightsStore(None, tmp_path).load(NAME).provenance.sha256 == digest_file(file)


@pytest.mark.slow
def test_a_backbone_may_lack_modules_that_are_named(hub: Hub, tmp_path: Path) -> None:
    fetch(NAME, tmp_path)
    net = timm.create_model(ARCHITECTURE, num_classes=0)
    del net.bn2
    loaded = WeightsStore(tmp_path).load(NAME)
    with pytest.raises(WeightsError, match=r"bn2\.bias is unknown"):
        loaded.into(net)
    loaded.into(net, unused=("bn2",))
    del net.conv_stem
    with pytest.raises(WeightsError, match=r"conv_stem\.weight is unknown"):
        loaded.into(net, unused=("bn2", "conv"))


@pytest.mark.slow
def test_bounds(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(NAME, tmp_path)
    monkeypatch.setattr("podium.models.weights.MAX_WEIGHTS", 1000)
    with pytest.raises(WeightsError, match="bytes are more than the 1,000"):
        WeightsStore(tmp_path).load(NAME)
    monkeypatch.setattr("podium.models.weights.MAX_PROVENANCE", 100)
    with pytest.raises(WeightsError, match="larger than 100 bytes"):
        WeightsStore(tmp_path).provenance(NAME)
    monkeypatch.setattr("podium.models.hub.MAX_WEIGHTS", 1000)
    with pytest.raises(WeightsError, match="bytes are more than the 1,000"):
        fetch(NAME, tmp_path / "out")
    assert json.loads((tmp_path / f"{NAME}.json").read_text())["name"] == NAME
