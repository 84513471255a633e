"""Slurm's accounting for a cluster of the tests: slurmdbd on a MariaDB server of its own."""

from __future__ import annotations

import getpass
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

from tests.cluster.slurm import Cluster, until
from tests.needs import found, have
from tests.ports import free_port

PACKAGES = ("slurmdbd", "slurm-wlm-mysql-plugin", "mariadb-server")


class MariaDB:
    """A server on the loopback device with its own data folder; the user ``podium`` may do all."""

    def __init__(self, folder: Path) -> None:
        have("mariadbd", *PACKAGES)
        self.folder, self.port, self.password = folder, free_port(), secrets.token_hex(8)
        folder.mkdir(mode=0o755)
        shutil.chown(folder, "mysql")
        self.socket = folder / "socket"
        make = [
            "mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={folder}/data", "--skip-test-db",
            "--auth-root-authentication-method=normal", "--innodb-log-file-size=8M",
        ]  # fmt: skip
        done = subprocess.run(make, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", found("mariadbd") or "mariadbd", "--no-defaults", "--user=mysql",
                 f"--datadir={folder}/data", f"--socket={self.socket}", "--bind-address=127.0.0.1",
                 f"--port={self.port}", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
                 "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        user = f"'podium'@'127.0.0.1' IDENTIFIED BY '{self.password}'"
        until(lambda: self.execute("SELECT 1"), (folder / "log").read_text)
        assert self.execute(f"GRANT ALL ON *.* TO {user}")

    def execute(self, statement: str) -> bool:
        command = ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}", "--execute", statement]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Accounting:
    """slurmdbd; ``options`` go into the cluster's slurm.conf before it starts."""

    def __init__(self, cluster: Cluster, database: MariaDB) -> None:
        self.cluster, self.database, self.port = cluster, database, free_port()
        self.options = {
            "AccountingStorageType": "accounting_storage/slurmdbd", "AccountingStorageHost": "127.0.0.1",
            "AccountingStoragePort": str(self.port), "AccountingStoragePass": str(cluster.socket),
            "AccountingStorageTRES": "gres/gpu", "AccountingStorageEnforce": "associations,limits,qos",
        }  # fmt: skip

    def start(self) -> None:
        """Once munge runs, and before the controller does."""
        folder, user = self.cluster.folder, getpass.getuser()
        conf = folder / "slurmdbd.conf"
        conf.touch(mode=0o600)
        conf.write_text(
            f"AuthType=auth/munge\nAuthInfo=socket={self.cluster.socket}\nDbdHost={socket.gethostname()}\n"
            f"DbdAddr=127.0.0.1\nDbdPort={self.port}\nSlurmUser={user}\nStorageType=accounting_storage/mysql\n"
            f"StorageHost=127.0.0.1\nStoragePort={self.database.port}\nStorageUser=podium\n"
            f"StoragePass={self.database.password}\nStorageLoc=slurm\nPidFile={folder}/run/slurmdbd.pid\n"
        )
        self.cluster.spawn("slurmdbd", "slurmdbd", "-D")
        until(lambda: self.cluster.works("sacctmgr", "--noheader", "list", "cluster"), "slurmdbd", 60)
        for arguments in (("cluster", "podium"), ("account", "thesis"), ("user", user, "account=thesis")):
            self.cluster.call("sacctmgr", "--immediate", "--quiet", "add", *arguments)
