"""The promotion policy in force: ``configs/promotion.yaml`` of the checkout."""

from __future__ import annotations

from pathlib import Path

from podium.config.load import parse
from podium.config.promotion import PromotionPolicy
from podium.config.yaml import load_yaml
from podium.digest import digest_json


def policy_file(root: Path) -> Path:
    """Where a checkout's policy stands."""
    return root / "configs" / "promotion.yaml"


def load_policy(root: Path) -> PromotionPolicy:
    """Read the policy of a checkout; one without the file has the default policy.

    Raises:
        ConfigError: The file cannot be read, or a key or value is refused.
    """
    file = policy_file(root)
    if not file.exists():
        return PromotionPolicy()
    return parse(PromotionPolicy, load_yaml(file, remedy="start from the defaults in the repository"), file)


def policy_digest(policy: PromotionPolicy) -> str:
    """SHA-256 over all its values, defaults included: how the file writes them does not matter."""
    return digest_json(policy.model_dump(mode="json"))
