"""docs/slurm.md: commands as they were run on the cluster of the tests, and what they printed.

``test_main_job`` runs them, and compares the page with what came out but for figures, names and times; with
``PODIUM_REWRITE=1`` in the environment (``make transcript``) it writes the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "slurm.md"
HOME = "~/podium"
SERVER = "https://zenml.lab.example"
INTRODUCTION = """# From nothing to a reviewed model on Slurm

What follows was run by `make transcript` on the cluster that the tests start: Slurm 22.05, three nodes with two GPUs
each, which are stand-ins, so that the networks train on processors. `make test` runs it again, and fails where a
command prints something else than is shown here, figures, times and names aside. A line `…` stands for lines that are
left out.

How it works, and what becomes of which fault: [design/slurm.md](design/slurm.md).
"""
_USER = re.compile(r"\b\w+@[\w.-]+")
_SERVER = re.compile(r"http://127\.0\.0\.1:\d+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Part:
    """A command on the page."""

    text: str
    """What is said before it."""
    command: str
    keep: str = ""
    """A pattern of the lines that are shown; all unless given."""


_QUEUE = "squeue --me --states=all --format='%.6i %.40j %.10T %N'"
PARTS = {
    "config": Part(
        "The checkout and its environment (`make setup`) lie on the file system that all nodes share. A run's file\n"
        "has two candidates; its last lines say what each training asks Slurm for. Partition, account and the like\n"
        "stand in `infra/stacks/slurm.yaml`.",
        "cat configs/slurm.yaml",
    ),
    "login": Part(
        "The team's ZenML server, which is on MariaDB. The key is that of a service account; without `--api-key` a\n"
        "browser opens.",
        f'eval "$(podium env)"\nzenml login {SERVER} --api-key',
        "^(Authenticating|Updated)",
    ),
    "up": Part("The stack, once:", "podium stack up slurm"),
    "doctor": Part(
        "Is this machine fit?",
        "podium doctor",
        "(packages|configuration|data|weights|registry|server) .*(locked|recipes|byte|recorded|answers)",
    ),
    "run": Part(
        "The run. Nothing but `-s slurm` differs from one on a laptop. `PODIUM_VERBOSE` shows what jobs tell.",
        'eval "$(PODIUM_VERBOSE=1 podium env)"\n'
        "zenml pipeline run pipelines.training.training_pipeline -c configs/slurm.yaml -s slurm",
        r"^Initiating|^Using stack|^· |is job \d+|train_cnn_3block \| .*train epoch (1|6)|^Selected|^Review"
        r"|^  podium review approve",
    ),
    "queue": Part("Meanwhile, in another terminal: a node for each candidate.", _QUEUE, r"JOBID|training\.train_"),
    "lost": Part(
        "Here a node lost its power. Slurm starts the job again on another one, where the training goes on from its\n"
        "last epoch; the run waits for it.",
        _QUEUE,
        r"JOBID|training\.train_cnn",
    ),
    "leaderboard": Part("The run has ended:", "podium leaderboard"),
    "list": Part("Its winner waits for a decision.", "podium review list"),
    "approve": Part("", 'podium review approve tiny-1 --reason "best on validation, no warnings"'),
    "promoted": Part("It is promoted: `podium predict` uses it from now on.", "podium review list"),
}


@dataclass
class Transcript:
    """What commands printed."""

    root: Path
    """The checkout in which they ran."""
    printed: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, printed: str) -> str:
        """Take down what the command of a part printed; gives it back."""
        self.printed[key] = printed
        return printed

    def page(self) -> str:
        """The whole page."""
        blocks = [INTRODUCTION]
        for key, part in PARTS.items():
            commands = "\n".join(f"$ {line}" for line in part.command.splitlines())
            lines = "\n".join(self._shown(self.printed[key], part.keep))
            blocks.append(f"{part.text}\n\n```console\n{commands}\n{lines}\n```\n".lstrip())
        return "\n".join(blocks)

    def _shown(self, printed: str, keep: str) -> list[str]:
        shown: list[str] = []
        for raw in _COLOUR.sub("", printed).strip("\n").splitlines():
            line = _SERVER.sub(SERVER, _USER.sub("ada@login", raw.replace(str(self.root), HOME))).rstrip()
            if not keep or re.search(keep, line):
                shown.append(line)
            elif shown[-1:] != ["…"]:
                shown.append("…")
        return shown


def shape(page: str) -> list[list[str]]:
    """What of a page does not change from run to run: its blocks, each a sorted list of lines without figures."""
    blocks = re.split(r"```(?:console)?\n", page)
    return [sorted({_plain(line) for line in block.splitlines() if line not in ("…", "")}) for block in blocks]


def _plain(line: str) -> str:
    if line.startswith("$ "):
        return line
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8,}\b", "ID", line)
    line = re.sub(r"\b(RUNNING|COMPLETING|COMPLETED)\b", "STATE", line)
    line = re.sub(r"[0-9]+([.,:_-][0-9]+)*", "0", line)
    return " ".join(line.replace("0 min", "0 s").split())
