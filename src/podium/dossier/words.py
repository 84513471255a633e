"""The dossier's first sentence, and how its parts are called."""

from __future__ import annotations

from typing import Final

from podium.dossier.facts import Dossier, Figures
from podium.gate.result import Difference
from podium.gate.verdict import Criterion, Outcome, Verdict
from podium.wording import plural

SAID: Final[dict[Outcome, str]] = {
    "promote-eligible": "may be promoted",
    "needs-review-with-warnings": "may be promoted after a look at the open questions",
    "blocked": "is blocked",
}
TITLES: Final[dict[str, str]] = {
    "accuracy": "Accuracy",
    "chance": "Better than chance",
    "worst_recall": "Recall of the worst class",
    "ece": "Calibration error",
    "latency": "Latency",
    "size": "Model size",
    "valid": "Fair comparison",
    "better": "Better than the champion",
    "not_worse": "Not worse than the champion",
    "classes_not_worse": "No class is worse",
    "seeds": "Other seeds",
    "ledger": "Uses of the test split",
}


def summary(name: str, verdict: Verdict, challenger: Figures, difference: Difference | None) -> str:
    """``resnet20 (version 3) may be promoted: 98.9 % of 270 test images, 1.2 points above the champion …``."""
    told = f"{100 * challenger.accuracy:.2f} % of the test images are right"
    if difference is not None:
        gain = 100 * (difference.challenger - difference.champion)
        beside = f"{abs(gain):.2f} points {'above' if gain > 0 else 'below'}" if gain else "the same as"
        told += f", {beside} the champion on the {plural(difference.images, 'image')} that both were judged on"
    elif any(criterion.name == "valid" and criterion.standing == "missed" for criterion in verdict.criteria):
        told += "; it cannot be compared with the champion"
    else:
        told += "; there is no champion yet"
    questions = verdict.open_questions
    reason = f"; {_lower(questions[0].reason)}" if verdict.outcome == "blocked" and questions else ""
    return f"{name} {SAID[verdict.outcome]}: {told}{reason}."


def title(criterion: Criterion) -> str:
    """What a criterion asks, in a few words."""
    return TITLES.get(criterion.name, criterion.name.replace("_", " "))


def headline(dossier: Dossier) -> str:
    """For the title of the page and of a mail."""
    subject = dossier.subject
    return f"{subject.model} {subject.version}: {subject.candidate} {SAID[dossier.outcome]}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
