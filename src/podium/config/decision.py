"""Who decides on a candidate: the section ``decision`` of the promotion policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from podium.config.base import Frozen

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""``ada@lab``: one user of one machine; ``ada``: that user on any machine."""
Names = Annotated[
    tuple[Name, ...], BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)
]  # YAML and JSON know no tuples, and a strict model takes no list for one


class DecisionPolicy(Frozen):
    """Whose approvals promote, and how many. The defaults suit a single user."""

    reviewers: Names = ()
    """Who may decide; empty: anyone."""
    quorum: int = Field(1, ge=1)
    """Approvals of different people that promote."""
    self_approval: bool = True
    """Whether the approval of a run's author counts, marked as self-approved; false: the author may reject alone."""
    expires_days: float | None = Field(30.0, gt=0)
    """Days after which a request can no longer be approved; null: never."""
    overrides: Names = ()
    """Who may approve a candidate that the gate blocked, each with an explicit override; empty: nobody."""

    @model_validator(mode="after")
    def _satisfiable(self) -> Self:
        for field, names in (("reviewers", self.reviewers), ("overrides", self.overrides)):
            for position, name in enumerate(names):
                if twice := named(name, names[:position]):
                    raise ValueError(f"{field}: {twice!r} and {name!r} are one person")
        if self.reviewers and self.quorum > len(self.reviewers):
            raise ValueError(
                f"a quorum of {self.quorum} cannot be reached by {len(self.reviewers)} reviewer(s)"
                f" ({', '.join(self.reviewers)}): name more of them, or lower the quorum"
            )
        if self.overrides and self.quorum > len(self.overrides):
            raise ValueError(
                f"a quorum of {self.quorum} cannot be reached by {len(self.overrides)} name(s) in overrides, and nobody"
                " else may approve a blocked candidate: name more of them, or none"
            )
        for name in self.overrides:
            if self.reviewers and not named(name, self.reviewers):
                raise ValueError(f"overrides: {name!r} is none of the reviewers ({', '.join(self.reviewers)})")
        return self

    def same(self, one: str, other: str) -> bool:
        """Whether two names stand for one person, also since both are who the policy names."""
        known = (*self.reviewers, *self.overrides)
        name = named(one, known)
        return same_person(one, other) or (name is not None and name == named(other, known))


def same_person(one: str, other: str) -> bool:
    """Whether two names stand for one person: equal ones, and a name without a machine stands for it on any."""
    return one == other or one.startswith(f"{other}@") or other.startswith(f"{one}@")


def named(person: str, names: Iterable[str]) -> str | None:
    """The first of the names that stands for the person, or None."""
    return next((name for name in names if same_person(person, name)), None)
