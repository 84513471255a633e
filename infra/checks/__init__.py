"""Checks of what lies in ``infra``: ``make infra-check``. Each returns what it found wrong, one line a fault."""
