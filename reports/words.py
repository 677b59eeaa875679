"""How the report writes numbers, times and ids: one place, so that one thing reads one way.

Pure functions from values to text. Nothing here escapes anything: see `html.py`, `markdown.py`.
"""

import math
import re

DASH = "\N{EN DASH}"
NEVER = "never"


def count(value: float | None) -> str:
    """Write a whole number with thousands apart."""
    return DASH if value is None else f"{value:,.0f}"


def decimal(value: float | None) -> str:
    """Write a number with about three significant digits."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return NEVER
    if float(value).is_integer():
        return f"{value:,.0f}"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 4
    return f"{value:,.{places}f}"


def milliseconds(value: float | None) -> str:
    """Write a duration given in milliseconds, in seconds from one second on."""
    if value is None or not math.isfinite(value):
        return decimal(value)
    return seconds(value / 1000) if abs(value) >= 1000 else f"{decimal(value)} ms"


def seconds(value: float | None) -> str:
    """Write a duration given in seconds, in milliseconds below a tenth."""
    if value is None or not math.isfinite(value):
        return decimal(value)
    if 0 < abs(value) < 0.1:
        return f"{decimal(value * 1000)} ms"
    whole = abs(value) >= 100 or float(value).is_integer()
    return f"{value:,.0f} s" if whole else f"{value:,.2f} s"


def at(value: float | None) -> str:
    """Write a moment as seconds since the run's start."""
    return DASH if value is None or math.isnan(value) else f"{value:,.1f} s"


def percent(share: float | None) -> str:
    """Write a share from 0 to 1 as a percentage."""
    return DASH if share is None or math.isnan(share) else f"{share * 100:.1f} %"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listed(names: list[str], most: int = 99) -> str:
    """Write names as a sentence does: a, b and c."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def anchor(text: str) -> str:
    """Make an HTML id of any text, different texts giving different ids."""
    return re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):x}", text)


def quantity(value: object, unit: str = "") -> str:
    """Write a measured value or a threshold of any JSON type, with its unit."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _with_unit(float(value), unit)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {quantity(item)}" for key, item in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(quantity(item) for item in value) or DASH
    return f"{value} {unit}".rstrip() if unit and unit not in str(value) else str(value)


def _with_unit(value: float, unit: str) -> str:
    if unit == "ms":
        return milliseconds(value)
    if unit == "s":
        return seconds(value)
    one = value == 1 and unit.endswith("s")
    return f"{decimal(value)} {unit.removesuffix('s') if one else unit}".rstrip()
