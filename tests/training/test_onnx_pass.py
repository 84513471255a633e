"""A frozen network's pass in ONNX Runtime: what PyTorch gives, or PyTorch itself; by a rule, and with no traces."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from podium.models.flops import flops
from podium.training import onnx_export
from podium.training import onnx_pass as module
from podium.training.feature_pass import Asked
from podium.training.features import pretrained_backbone
from podium.training.onnx_pass import LEAST_WORK, TOLERANCE, onnx_pass
from podium.training.onnx_session import opened

pytestmark = pytest.mark.usefixtures("one_thread")
ENOUGH = 10**9
"""Images that are worth an export for any network here."""


def never() -> bool:
    return False


def small() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()


def images(count: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last)


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """A file of a network that doubles its input."""
    shape = ["n", 3, 32, 32]
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("given", "made"))
    graph = helper.make_graph([helper.make_node("Add", ["given", "given"], ["made"])], "doubling", [given], [made])
    file = tmp_path / "doubling.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), file)
    return file


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Any:
    """In place of the export: a file that gives what a function says."""

    def exported(run: Any) -> None:
        monkeypatch.setattr(module, "export", lambda *_: None)
        monkeypatch.setattr(module, "opened", lambda *_: run)

    return exported


@pytest.mark.slow
def test_a_backbone_gives_the_same_there_and_is_left_as_it_was(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    net, _ = pretrained_backbone("resnet20_tinyimagenet32")
    modes = {name: part.training for name, part in net.named_modules()}
    state = {name: value.clone() for name, value in net.state_dict().items()}
    drawn = torch.get_rng_state()
    with caplog.at_level(logging.INFO):
        there = onnx_pass(net, images(4), ENOUGH, threads=1, stop=never)
    assert there is not None
    for count in (16, 7, 1):
        batch = images(count, seed=count)
        with torch.inference_mode():
            wanted, got = net(batch), there(batch)
        assert got.dtype == torch.float32
        assert (got - wanted).abs().max() < TOLERANCE / 10 * wanted.abs().max()
    assert torch.equal(there(images(5)), there(images(5)))
    assert {name: part.training for name, part in net.named_modules()} == modes
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


@pytest.mark.slow
def test_what_the_export_fails_for_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(onnx_export, "__name__", "podium.training.nowhere")
    with caplog.at_level(logging.INFO):
        assert onnx_pass(small(), images(4), ENOUGH, threads=1, stop=never) is None
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert "Sequential runs in PyTorch" in record.message
    assert "No module named podium.training.nowhere" in record.message


def test_what_has_no_graph_cannot_be_exported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("several\nlines") from ValueError("the cause, in one line\nand more")

    torch.save((small(), images(2)), tmp_path / onnx_export.GIVEN)
    monkeypatch.setattr(torch.onnx, "export", refused)
    monkeypatch.setattr(onnx_export, "_end_with_parent", lambda _: None)
    with pytest.raises(SystemExit, match=r"^ValueError: the cause, in one line$"):
        onnx_export.main(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_pickled_stays_in_pytorch(caplog: pytest.LogCaptureFixture) -> None:
    net = small()
    net.register_forward_hook(lambda *_: None)
    with caplog.at_level(logging.INFO):
        assert onnx_pass(net, images(4), ENOUGH, threads=1, stop=never) is None
    assert "PicklingError" in caplog.text or "AttributeError" in caplog.text


def test_less_work_than_an_export_is_worth_stays_in_pytorch(instead: Any) -> None:
    net = small()
    instead(net)
    count = round(LEAST_WORK / flops(net, images(1)))
    assert onnx_pass(net, images(4), count + 1, threads=1, stop=never) is not None
    assert onnx_pass(net, images(4), count - 1, threads=1, stop=never) is None
    assert onnx_pass(net, images(4), count + 1, threads=2, stop=never) is None, "two threads are done with it sooner"


@pytest.mark.parametrize("wrong", [lambda x: x + 0.1, lambda x: x * float("nan")])
def test_another_result_stays_in_pytorch_with_a_warning(
    instead: Any, caplog: pytest.LogCaptureFixture, wrong: Any
) -> None:
    net = small()
    instead(lambda batch: wrong(net(batch)))
    assert onnx_pass(net, images(4), ENOUGH, threads=1, stop=never) is None
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "outputs differ" in record.message


def test_a_network_that_keeps_the_examples_batch_stays_in_pytorch(
    instead: Any, caplog: pytest.LogCaptureFixture
) -> None:
    net = small()
    kept = net(images(4))
    instead(lambda _: kept)
    with caplog.at_level(logging.INFO):
        assert onnx_pass(net, images(4), ENOUGH, threads=1, stop=never) is None
    assert "(4, 4, 30, 30) in place of (1, 4, 30, 30)" in caplog.text


def test_a_file_that_onnx_runtime_refuses_stays_in_pytorch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def damaged(part: nn.Module, sample: Tensor, folder: Path, *_: object) -> None:
        (folder / onnx_export.MADE).write_bytes(b"no network")

    monkeypatch.setattr(module, "export", damaged)
    with caplog.at_level(logging.INFO):
        assert onnx_pass(small(), images(4), ENOUGH, threads=1, stop=never) is None
    assert "since it cannot in ONNX Runtime: InvalidProtobuf" in caplog.text


def test_a_failure_amid_the_pass_goes_on_in_pytorch_and_is_told_once(
    instead: Any, caplog: pytest.LogCaptureFixture
) -> None:
    part, batch, calls = small(), images(4), []

    def run(given: Tensor) -> Tensor:
        calls.append(len(given))
        if len(calls) > 3:  # two comparisons, one batch
            raise RuntimeError("bad allocation\nat 0x0")
        return part(given)

    instead(run)
    there = onnx_pass(part, batch, ENOUGH, threads=1, stop=never)
    assert there is not None
    with torch.inference_mode():
        wanted = part(batch)
        assert all(torch.equal(there(batch), wanted) for _ in range(3))
    assert calls == [4, 1, 4, 4]
    assert [record.getMessage() for record in caplog.records] == [
        "Sequential goes on in PyTorch: ONNX Runtime failed: RuntimeError: bad allocation"
    ]


def exports(folder: Path) -> list[int]:
    """Living processes that export into a folder below ``folder``."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_text()
        except OSError:
            continue
        if onnx_export.__name__ in command and str(folder) in command:
            found.append(int(place.name))
    return found


@pytest.mark.slow
def test_a_stop_ends_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Asked):
        onnx_pass(small(), images(4), ENOUGH, threads=1, stop=lambda: bool(exports(tmp_path)))
    assert not exports(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_export_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    text = (
        "import torch; from podium.training.onnx_pass import onnx_pass\n"
        "net = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(300))).eval()\n"
        "onnx_pass(net, torch.zeros(4, 3, 32, 32), 10**12, threads=1, stop=lambda: False)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", text], env=environment)
    until = time.monotonic() + 600
    while not exports(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert exports(tmp_path)
    process.kill()
    process.wait()
    while (exports(tmp_path) or list(tmp_path.iterdir())) and time.monotonic() < until:
        time.sleep(0.05)
    assert (exports(tmp_path), list(tmp_path.iterdir())) == ([], [])


def test_it_runs_on_the_threads_that_are_asked_for(doubling: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[onnxruntime.SessionOptions] = []
    original = onnxruntime.InferenceSession

    def session(file: Path, options: onnxruntime.SessionOptions, **others: Any) -> Any:
        seen.append(options)
        return original(file, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    batch = images(2)
    assert torch.equal(opened(doubling, 3)(batch), 2 * batch)
    assert (seen[0].intra_op_num_threads, seen[0].inter_op_num_threads) == (3, 1)


@pytest.mark.slow
def test_onnx_runtime_sends_and_leaves_nothing(doubling: Path, tmp_path: Path) -> None:
    """It is silent by itself where `CI` is set, and not elsewhere."""
    home = tmp_path / "home"
    home.mkdir()
    names = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    text = "import sys, torch, podium.training.onnx_session as p; p.opened(sys.argv[1], 1)(torch.zeros(1, 3, 32, 32))"
    subprocess.run(
        [sys.executable, "-c", text, doubling],
        env={**environment, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert [path for path in home.rglob("*") if "onnx" in path.name.lower()] == []


def test_operations_are_counted_as_torch_counts_them() -> None:
    net, _ = pretrained_backbone("resnet20_tinyimagenet32")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(images(2))
    assert flops(net, images(2)) == counter.get_total_flops() > 160e6
