"""The `podium` command as a program text for `python -c` that ends with its peaks of memory on standard error.

Two numbers in KiB: all that was resident (VmHWM; pages of mapped files count), and what is no file's (RssAnon, looked
at every 20 ms).
"""

from __future__ import annotations

PODIUM = """
import sys, threading, time
from podium.cli import main

def status(key):
    with open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith(key)).split()[1])

def watch():
    global anonymous
    while True:
        anonymous = max(anonymous, status("RssAnon"))
        time.sleep(0.02)

anonymous = code = 0
threading.Thread(target=watch, daemon=True).start()
try:
    main()
except SystemExit as end:
    code = end.code or 0
print(status("VmHWM"), anonymous, file=sys.stderr)
sys.stderr.flush()
sys.exit(code)
"""


def peaks(stderr: str) -> tuple[float, float]:
    """MiB resident at most, and MiB of them that are no file's, from what the command wrote."""
    resident, anonymous = stderr.split()[-2:]
    return int(resident) / 1024, int(anonymous) / 1024
