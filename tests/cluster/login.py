"""A login node: an sshd of its own on this machine, whose users find the cluster without further ado."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.slurm import Cluster
from tests.product.remote_servers import ssh_server


@contextmanager
def login_node(cluster: Cluster, folder: Path, home: Path) -> Iterator[tuple[str, ...]]:
    """Yields the options with which ssh reaches it as ``login``; ``home/.ssh`` gets the keys."""
    with ssh_server(folder, home) as port:
        keys, authorized = home / ".ssh", folder / "authorized"
        (keys / "config").write_text(
            f"Host login\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {keys}/id_ed25519\n"
            f"  UserKnownHostsFile {keys}/known_hosts\n"
        )
        command = f'command="SLURM_CONF={cluster.conf} sh -c \\"$SSH_ORIGINAL_COMMAND\\"" '
        authorized.write_text(command + authorized.read_text())
        yield f"-F{keys}/config", f"-oControlPath={cluster.folder}/run/%C"  # a socket's path has to be short
