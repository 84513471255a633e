"""Every command block of the README runs, in order, in a checkout of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from podium.data import open_dataset
from tests.conftest import ROOT
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

BLOCKS = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
QUICKER = re.compile(r"    candidates:\n(?:      .*\n)+")
"""The commands are tested here, the full quickstart in test_main_job."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A git checkout with the environment that `make` made, and a newcomer's folder of images."""
    if not (ROOT / ".venv" / ".ready").is_file():
        pytest.skip("the environment was not made by `make setup`")
    made = Workspace.create(tmp_path_factory.mktemp("readme") / "checkout")
    quick = made.root / "configs" / "quickstart.yaml"
    quick.write_text(
        QUICKER.sub("    candidates: [simple_cnn, cnn_3block]\n", quick.read_text()).replace("epochs: 8", "epochs: 3")
    )
    for name in (".venv", ".uv"):
        (made.root / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", made.root / "docs")
    shutil.copy(ROOT / ".gitignore", made.root)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=made.root, env=made.environment(), check=True)
    made.call("dvc", "init", "--quiet")
    made.call("podium", "data", "restore")
    write_folder(made.root / "flowers", made.root / "data")
    shutil.rmtree(made.root / "data")
    return made


def write_folder(folder: Path, data: Path) -> None:
    """Real images as PNG files, a folder a class, with test apart; a bit larger than wide."""
    dataset = open_dataset(data)
    for split in ("train", "test"):
        for number, (image, label) in enumerate(zip(dataset[split].images, dataset[split].labels, strict=True)):
            file = folder / split / dataset.manifest.class_names[label] / f"{number:04}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            ImageOps.expand(Image.fromarray(image), (0, 2)).save(file)


def test_the_readme_has_the_blocks() -> None:
    assert len(BLOCKS) >= 6
    assert "make run" in BLOCKS[0]
    assert "make test" in BLOCKS[0]


def title(number: int) -> str:
    return BLOCKS[number].split("\n")[0].partition("#")[0].strip()[:40]


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=title)
def test_block(checkout: Workspace, number: int) -> None:
    # `make test` is what runs this test: only its dry run can stand in for it here.
    script = BLOCKS[number].replace("make test", "make --dry-run test")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout.root,
        env=checkout.environment(),
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
