"""Whether systemd's units get what the Compose file gives to the same services, from files as README.md makes them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

_HERE: Final = re.compile(r"^cat >>? (?:\S*/)?([a-z]+\.env) <<END\n(.*?)^END$", re.MULTILINE | re.DOTALL)
_PRINTED: Final = re.compile(r"^(?:printf '|echo \")(\S.*) >>? (?:\S*/)?([a-z]+\.env)$", re.MULTILINE)
_NAME: Final = re.compile(r"(?:^|\\n)([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def made_by(readme: Path) -> dict[str, set[str]]:
    """The variables in each environment file that a page's commands write, by the file's name."""
    text, found = readme.read_text(), defaultdict(set)
    for name, lines in _HERE.findall(text):
        found[name] |= set(_NAME.findall(lines))
    for lines, name in _PRINTED.findall(text):
        found[name] |= set(_NAME.findall(lines))
    return dict(found)


def supply_faults(team: Path, readme: Path) -> Iterator[str]:
    """Variables that a unit lacks and the container has; folders that a unit wants to write to and nobody makes."""
    made = made_by(readme)
    services = yaml.safe_load((team / "compose.yaml").read_text())["services"]
    for unit in sorted((team / "systemd").glob("*.service")):
        text, service = unit.read_text(), services[unit.stem.removeprefix("podium-")]
        has = set(re.findall(r"\b([A-Z][A-Z0-9_]*)=", "\n".join(re.findall(r"^Environment=(.*)$", text, re.MULTILINE))))
        for path in re.findall(r"^EnvironmentFile=(\S+)$", text, re.MULTILINE):
            if Path(path).name not in made:
                yield f"{unit.name}: {readme.name} makes no {Path(path).name}"
            has |= made.get(Path(path).name, set())
        wanted = set(service.get("environment", {}))
        for file in service.get("env_file", []):
            wanted |= made.get(Path(file).name, set())
        if lacks := sorted(wanted - has):
            yield f"{unit.name}: lacks {', '.join(lacks)}, which the container has"
        for path in " ".join(re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)).split():
            if not path.startswith("-"):
                yield f"{unit.name}: {path} has to be there; let StateDirectory make a folder"
        states = " ".join(re.findall(r"^StateDirectory=(.*)$", text, re.MULTILINE)).split()
        for folder in re.findall(r"^ExecStart=.*podium backup (\S+)", text, re.MULTILINE):
            if folder not in {f"/var/lib/{name}" for name in states}:
                yield f"{unit.name}: cannot write to {folder}"
