"""The `podium` command as a program text for `python -c` that ends with its peak memory (KiB) on standard error."""

from __future__ import annotations

PODIUM = """
import sys
from podium.cli import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).split()[1], file=sys.stderr)
sys.exit(code)
"""
