"""The team's server: ``infra/team``. Compose by its specification's schema, units by systemd, the proxy by nginx.

``compose-spec.json`` is the schema of the Compose Specification (Apache-2.0), as the npm package dclint 3.1.0 has it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft7Validator

_SCHEMA: Final = Path(__file__).with_name("compose-spec.json")
_SECRET: Final = re.compile("PASS|SECRET|TOKEN|KEY")
_PROGRAMS: Final = re.compile(r"(?<==|\s)/opt/podium/\.venv/bin/(\w+)")
_OTHERS: Final = ("mariadb", "nginx", "postgresql")
"""Units of Debian's packages that ours ask for."""


def compose_faults(file: Path) -> Iterator[str]:
    """Of a Compose file: its schema; what it names; health checks, versions, open ports, secrets."""
    found = yaml.safe_load(file.read_text())
    for error in _compose_schema().iter_errors(found):
        yield f"{file.name}: {'.'.join(str(part) for part in error.path)}: {error.message}"
    for name, service in found["services"].items():
        where = f"{file.name}: {name}"
        for other, how in service.get("depends_on", {}).items():
            if other not in found["services"]:
                yield f"{where}: depends on {other}, which there is not"
            elif how != {"condition": "service_healthy"}:
                yield f"{where}: does not wait until {other} is healthy"
        if "test" not in service.get("healthcheck", {}) and "profiles" not in service:
            yield f"{where}: no health check"
        if not re.search(r":[^:/]*[0-9]", service["image"]) or service["image"].endswith(":latest"):
            yield f"{where}: image {service['image']} has no version"
        if "ports" in service and name != "proxy":
            yield f"{where}: reached past the proxy"
        for key, value in service.get("environment", {}).items():
            if (_SECRET.search(key) and not key.endswith("_FILE")) and key != "MARIADB_RANDOM_ROOT_PASSWORD":
                yield f"{where}: {key}: refer to a secret instead"
            if re.search("//[^/@]*:[^/@]*@", str(value)):
                yield f"{where}: {key}: holds a password"
        yield from _missing(where, service, found)
    for circle in _circles({name: list(one.get("depends_on", {})) for name, one in found["services"].items()}):
        yield f"{file.name}: {circle} waits for itself"


def unit_faults(folder: Path, scratch: Path) -> Iterator[str]:
    """Of systemd's units, by ``systemd-analyze verify``; with stand-ins for the programs and units of other packages.

    Args:
        folder: The units.
        scratch: An empty folder.
    """
    programs, units = scratch / "bin", scratch / "units"
    programs.mkdir()
    units.mkdir()
    for file in folder.iterdir():
        text = file.read_text()
        for program in _PROGRAMS.findall(text):
            (programs / program).write_text("#!/bin/sh\n")
            (programs / program).chmod(0o755)
        (units / file.name).write_text(_PROGRAMS.sub(rf"{programs}/\1", text))
        unsafe = [key for key in ("NoNewPrivileges=true", "ProtectSystem=strict", "User=podium") if key not in text]
        if file.suffix == ".service" and unsafe:
            yield f"{file.name}: lacks {', '.join(unsafe)}"
    for other in _OTHERS:
        (units / f"{other}.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(units.glob("podium*"))],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    yield from (line.replace(str(units), folder.name) for line in (done.stdout + done.stderr).splitlines())


def write_proxy(folder: Path, scratch: Path, ports: Mapping[int, int], services: Mapping[str, int]) -> Path:
    """Write a configuration with which nginx serves on the loopback device, certificate included.

    Args:
        folder: ``infra/team/nginx``.
        scratch: An empty folder.
        ports: Where it listens instead of 80 and 443.
        services: Ports of the services that run; the others have the host's.

    Returns:
        The file for ``nginx -c``.
    """
    (scratch / "podium").mkdir()
    upstreams = (folder / "host.upstreams").read_text()
    for name, port in services.items():
        upstreams = re.sub(rf"(upstream {name} {{ server 127\.0\.0\.1:)\d+", rf"\g<1>{port}", upstreams)
    texts = {"podium/upstreams": upstreams, "podium/forward": (folder / "forward").read_text()}
    texts["podium/tls"] = (folder / "tls").read_text().replace("/run/secrets/", f"{scratch}/")
    listens = (folder / "podium.conf").read_text().replace("/run/secrets/", f"{scratch}/")
    texts["podium.conf"] = re.sub(r"listen (\d+)", lambda found: f"listen 127.0.0.1:{ports[int(found[1])]}", listens)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"  {kind}_temp_path {scratch}/{kind};\n" for kind in kinds)
    user = "user root root;\n" if os.geteuid() == 0 else ""  # the folder is nobody else's
    texts["nginx.conf"] = (
        f"{user}pid {scratch}/pid;\nerror_log {scratch}/error.log;\ndaemon off;\nevents {{}}\n"
        f"http {{\n  access_log {scratch}/access.log;\n{places}  include podium.conf;\n}}\n"
    )
    texts["mlflow.users"] = "ada:{PLAIN}secret of ada\n"
    for name, text in texts.items():
        (scratch / name).write_text(text)
    names = ",".join(f"DNS:{name}.example.org" for name in ("desk", "mlflow", "s3", "zenml"))
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=example.org")
    files = ("-keyout", scratch / "certificate.key", "-out", scratch / "certificate.pem", "-days", "2")
    subprocess.run(
        ["openssl", "req", "-x509", *made, *files, "-addext", f"subjectAltName={names}"],
        check=True,
        capture_output=True,
    )
    return scratch / "nginx.conf"


def proxy_faults(folder: Path, scratch: Path, ports: Mapping[int, int]) -> Iterator[str]:
    """Of nginx's configuration, by ``nginx -t``."""
    conf = write_proxy(folder, scratch, ports, {})
    done = subprocess.run(["nginx", "-t", "-q", "-c", conf], capture_output=True, text=True, check=False)
    if done.returncode:
        yield from done.stderr.replace(str(scratch), folder.name).splitlines()
    both = [
        set(re.findall(r"upstream (\w+)", (folder / f"{kind}.upstreams").read_text())) for kind in ("compose", "host")
    ]
    if both[0] != both[1]:
        yield f"compose.upstreams and host.upstreams differ in {both[0] ^ both[1]}"


@functools.cache
def _compose_schema() -> Draft7Validator:
    return Draft7Validator(json.loads(_SCHEMA.read_text()))


def _missing(where: str, service: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """Secrets, networks and volumes that a service names and nobody makes."""
    for key in ("secrets", "networks"):
        for name in service.get(key, ()):
            if name not in found[key]:
                yield f"{where}: there is none of the {key} {name}"
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        if not source.startswith((".", "/")) and source not in found["volumes"]:
            yield f"{where}: there is no volume {source}"


def _circles(waits: dict[str, list[str]]) -> Iterator[str]:
    for name, others in waits.items():
        seen: set[str] = set()
        ahead = list(others)
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += waits.get(one, [])
        if name in seen:
            yield name
