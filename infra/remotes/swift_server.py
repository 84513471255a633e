"""A one-node OpenStack Swift with its S3 interface, for trying DVC's S3 remote without a cloud.

    python -m venv .swift && .swift/bin/pip install -r requirements.txt
    .swift/bin/python swift_server.py FOLDER PORT

Serves http://127.0.0.1:PORT until it is interrupted; all it keeps is in FOLDER (on a filesystem with extended
attributes). Access key ``test:tester``, secret key ``testing``: loopback only, nothing to rely on.
"""

from __future__ import annotations

import getpass
import signal
import socket
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
KINDS = ("object", "container", "account")

SWIFT = """[swift-hash]
swift_hash_path_suffix = podium
[storage-policy:0]
name = one
default = yes
"""
COMMON = """[DEFAULT]
swift_dir = {folder}
user = {user}
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
log_level = WARNING
"""
PROXY = """[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
STORAGE = """devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def main(folder: Path, port: int) -> int:
    """Lay out rings and configuration, start the four servers, and wait. Returns the exit status."""
    folder = folder.absolute()
    (folder / "devices" / "d1").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(SWIFT)
    ports = {kind: free_port() for kind in KINDS}
    for kind, own in ports.items():
        ring(folder, kind, own)
        configure(folder, kind, own, STORAGE.format(folder=folder, kind=kind))
    configure(folder, "proxy", port, PROXY)
    servers = [
        subprocess.Popen([BIN / "python", BIN / f"swift-{kind}-server", folder / f"{kind}.conf"])
        for kind in (*KINDS, "proxy")
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return servers[-1].wait()
    finally:
        for server in servers:
            server.terminate()


def ring(folder: Path, kind: str, port: int) -> None:
    """Build the ring that says that everything lies on the one device."""
    from swift.common.ring import RingBuilder  # only its own environment has it

    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    place = {"ip": "127.0.0.1", "port": port, "device": "d1"}
    builder.add_dev({"region": 1, "zone": 1, "weight": 1.0, "meta": ""} | place)
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def configure(folder: Path, kind: str, port: int, rest: str) -> None:
    """Write one server's configuration."""
    head = COMMON.format(folder=folder, user=getpass.getuser(), port=port)
    (folder / f"{kind}.conf").write_text(head + rest)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        raise SystemExit("usage: swift_server.py FOLDER PORT")
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
