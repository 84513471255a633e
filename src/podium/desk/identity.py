"""Who is at the desk, and what they may do."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from podium.config.base import Frozen
from podium.config.desk import DeskConfig, Role

Action = Literal["look", "decide", "compare all files", "roll back", "repair"]
_LEAST: Final[dict[Action, Role]] = {
    "look": "viewer",
    "decide": "reviewer",
    "compare all files": "reviewer",
    "roll back": "admin",
    "repair": "admin",
}
_RANK: Final[dict[Role, int]] = {"viewer": 0, "reviewer": 1, "admin": 2}


class Identity(Frozen):
    """A person who was authenticated."""

    user: str
    """As they logged in."""
    actor: str
    """As the decision log names them."""
    role: Role

    def may(self, action: Action) -> bool:
        """Whether the role suffices."""
        return _RANK[self.role] >= _RANK[_LEAST[action]]


class Account(Frozen):
    """What the server of the users says about one whose password was right."""

    name: str
    is_admin: bool


class Authenticator(Protocol):
    """Asks whoever knows the passwords."""

    def check(self, user: str, password: str) -> Account | None:
        """The account, or None if user or password are wrong. Raises DeskError if nobody can be asked."""


def needed(action: Action) -> Role:
    """The least role that may do something."""
    return _LEAST[action]


def identify(config: DeskConfig, account: Account) -> Identity | None:
    """The role of an account; None if it has none.

    In a policy ``grace`` is Grace on any machine, so ``grace@example.org`` would decide as she does. An account with
    such a name may look, until the configuration says whom it stands for (``recorded_as``).
    """
    listed = config.users.get(account.name)
    if listed is not None and (listed.recorded_as or "@" not in account.name):
        return Identity(user=account.name, actor=listed.recorded_as or account.name, role=listed.role)
    role: Role | None = "admin" if account.is_admin else config.default_role
    if "@" in account.name and (role or listed):
        role = "viewer"
    return Identity(user=account.name, actor=account.name, role=role) if role else None
