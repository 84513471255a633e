"""scrontab, which Debian's package of Slurm's client leaves out: its four files, built from Debian's own source."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.needs import have, unavailable

_CONFIG = """Dir::State::lists "{folder}/lists";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/parts";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
Acquire::Retries "5";
"""


def build(folder: Path) -> Path:
    """Build it in a new folder; returns that of the program. Nothing of the system is changed but for the compiler."""
    have("gcc", "gcc", "libc6-dev")
    for name in ("lists/partial", "parts", "cache/archives/partial", "bin"):
        (folder / name).mkdir(parents=True)
    _sources(folder / "parts")
    (folder / "apt.conf").write_text(_CONFIG.format(folder=folder))
    version = _call(folder, "dpkg-query", "-W", "-f", "${source:Version}", "slurm-client")
    _call(folder, "apt-get", "update", "-qq", check=False)  # some sources of the machine may have no source packages
    _call(folder, "apt-get", "source", "-qq", "--download-only", f"slurm-wlm={version}")
    [archive] = folder.glob("slurm-wlm_*.orig.tar.*")
    _call(folder, "tar", "xf", str(archive))
    [source] = folder.glob("slurm-*/src/scrontab")
    root = source.parents[1]
    number = int(re.sub(r"\D.*", "", version)) << 16
    header = (root / "slurm" / "slurm_version.h.in").read_text()
    text = header.replace("#undef SLURM_VERSION_NUMBER", f"#define SLURM_VERSION_NUMBER {number:#x}")
    (root / "slurm" / "slurm_version.h").write_text(text)
    (root / "config.h").write_text(f'#define SLURM_VERSION_STRING "{version.partition("-")[0]}"\n')
    for text_file in ("default_crontab", "usage"):
        _call(source, "ld", "-r", "-o", f"{folder}/{text_file}.o", "--format=binary", f"{text_file}.txt")
    [library] = Path("/usr/lib").glob("*/slurm-wlm/libslurmfull.so")
    program = folder / "bin" / "scrontab"
    _call(
        root, "gcc", "-w", "-DHAVE_CONFIG_H", "-include", "config.h", "-I.", *map(str, source.glob("*.c")),
        f"{folder}/default_crontab.o", f"{folder}/usage.o", str(library), f"-Wl,-rpath,{library.parent}",
        "-o", str(program),
    )  # fmt: skip
    return program.parent


def _sources(parts: Path) -> None:
    """Where the machine has its packages from, asked for their sources."""
    apt = Path("/etc/apt")
    for file in (apt / "sources.list", *(apt / "sources.list.d").iterdir()):
        if file.is_file() and file.suffix == ".sources":
            (parts / file.name).write_text(re.sub(r"(?m)^Types:.*$", "Types: deb-src", file.read_text()))
        elif file.is_file() and file.suffix == ".list":
            (parts / file.name).write_text(re.sub(r"(?m)^deb(-src)? ", "deb-src ", file.read_text()))


def _call(folder: Path, *command: str, check: bool = True) -> str:
    root = next(parent for parent in (folder, *folder.parents) if (parent / "apt.conf").exists())
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"APT_CONFIG": str(root / "apt.conf")}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    if check and done.returncode:
        unavailable(f"scrontab cannot be built here: {command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout
