"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable

from podium.config import AugmentConfig
from podium.results import SeedSpread, Spread
from podium.wording import count, plural

__all__ = [
    "THIN",
    "augmentation",
    "count",
    "duration",
    "interval",
    "listing",
    "percent",
    "plural",
    "seeds",
    "significant",
    "spread",
    "visible",
]

THIN = "\u202f"
"""Narrow no-break space."""


def percent(share: float) -> str:
    """0.9888 → ``98.9``. More digits where rounding would claim that something is perfect: 0.9998 → ``99.98``."""
    for digits in (1, 2, 3):
        text = f"{100 * share:.{digits}f}"
        if float(text) < 100 or share >= 1:
            return text
    return "99.999"


def interval(low: float, high: float) -> str:
    """A confidence interval in percent: ``[98.1, 99.3]``."""
    return f"[{percent(low)}, {percent(high)}]"


def spread(figure: Spread) -> str:
    """Mean and standard deviation of shares, in percent: ``80.48 ± 0.19 %``; two digits, as seeds differ by little."""
    if figure.sd is None:
        return f"{100 * figure.mean:.2f}{THIN}%"
    return f"{100 * figure.mean:.2f} ± {100 * figure.sd:.2f}{THIN}%"


def seeds(group: SeedSpread) -> str:
    """What the seeds of a candidate reached: ``3 seeds: validation 80.48 ± 0.19 %, test 80.04 ± 0.46 %``."""
    done, all_of_them = group.validation_accuracy, plural(len(group.branches), "seed")
    if done is None:
        return f"none of {all_of_them} completed"
    many = all_of_them if done.count == len(group.branches) else f"{done.count} of {all_of_them}"
    test = f", test {spread(group.test_accuracy)}" if group.test_accuracy else ""
    return f"{many}: validation {spread(done)}{test}"


def duration(seconds: float) -> str:
    """``0.8 s``, ``34 s``, ``5 min 12 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f}{THIN}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{THIN}s"
    if whole < 3600:
        return f"{whole // 60}{THIN}min {whole % 60:02d}{THIN}s"
    return f"{whole // 3600}{THIN}h {whole % 3600 // 60:02d}{THIN}min"


def significant(value: float, digits: int = 3) -> str:
    """A figure with so many significant digits, in exponent form only below a thousandth of a percent: 0.0567, 1240."""
    if value == 0:
        return "0"
    if abs(value) < 1e-5:
        return f"{value:.{digits - 1}g}"
    magnitude = f"{abs(value):e}".partition("e")[2]
    return f"{value:.{max(0, digits - 1 - int(magnitude))}f}"


def listing(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(names)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def augmentation(config: AugmentConfig) -> str:
    """What an augmentation does, in words."""
    parts = []
    if config.flip:
        parts.append("alternating left-right flip" if config.flip == "alternating" else "left-right flip")
    if config.rotation:
        parts.append(f"rotation ±{config.rotation:g}°")
    if config.zoom:
        parts.append(f"zoom ±{100 * config.zoom:g}{THIN}%")
    if config.shift:
        parts.append(f"shift ±{100 * config.shift:g}{THIN}%")
    if config.crop:
        parts.append(f"crop ±{config.crop}{THIN}px")
    if config.rand_augment:
        parts.append(f"RandAugment ({config.rand_augment.operations} × {config.rand_augment.magnitude})")
    if config.cutout:
        parts.append(f"cutout {config.cutout}{THIN}px")
    if config.mixup:
        parts.append(f"mixup (α = {config.mixup:g})")
    return ", ".join(parts) or "no augmentation"


def visible(name: str) -> str:
    """A name that others chose, on one line: what cannot be printed (newlines, terminal codes) is written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
