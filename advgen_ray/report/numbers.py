"""How numbers are written: percent with one decimal, n/a where there is no sample."""

import math

MISSING = "n/a"


def percent(fraction: float, decimals: int = 1) -> str:
    """``0.9834 -> "98.3%"``."""
    return MISSING if not math.isfinite(fraction) else f"{100 * fraction:.{decimals}f}%"


def with_interval(fraction: float, low: float, high: float) -> str:
    """``"98.3% (96.4 to 99.2)"``: the value and its 95% interval."""
    if not math.isfinite(fraction):
        return MISSING
    return f"{percent(fraction)} ({100 * low:.1f} to {100 * high:.1f})"


def points(difference: float) -> str:
    """A difference of two fractions in percentage points, without its sign: ``-0.075 -> "7.5 points"``."""
    return MISSING if not math.isfinite(difference) else f"{abs(100 * difference):.1f} points"


def signed_points(difference: float) -> str:
    """``0.075 -> "+7.5"`` percentage points, with a true minus sign."""
    return MISSING if not math.isfinite(difference) else signed(100 * difference, 1)


def decimal(value: float, decimals: int = 2) -> str:
    """A plain number with a true minus sign."""
    return MISSING if not math.isfinite(value) else f"{_rounded(value, decimals):.{decimals}f}".replace("-", "−")


def decimal_interval(value: float, low: float, high: float) -> str:
    """``"1.23 (1.18 to 1.29)"``: a plain number and its 95% interval."""
    return MISSING if not math.isfinite(value) else f"{decimal(value)} ({decimal(low)} to {decimal(high)})"


def signed(value: float, decimals: int = 2) -> str:
    """A number that shows its sign, unless it rounds to zero."""
    return f"+{decimal(value, decimals)}" if _rounded(value, decimals) > 0 else decimal(value, decimals)


def signed_short(value: float, digits: int = 3) -> str:
    """As many digits as tell something, with the sign: ``"+0.00135"``."""
    return MISSING if not math.isfinite(value) else f"{value:+.{digits}g}".replace("-", "−")


def _rounded(value: float, decimals: int) -> float:
    """Rounded, and never minus zero."""
    return round(value, decimals) + 0.0


def count(number: int) -> str:
    """``2000 -> "2,000"``."""
    return f"{number:,}"


def counted(number: int, one: str, several: str = "") -> str:
    """``"1 seed"``, ``"3 seeds"``; ``several`` where it is not ``one`` with an s."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def moves(difference: float) -> str:
    """``"rises by 7.5 points"``; one that rounds to zero is neither a rise nor a fall."""
    if signed_points(difference) == signed_points(0.0):
        return "stays the same to a tenth of a point"
    if not math.isfinite(difference):
        return f"moves by {MISSING}"
    return f"{'rises' if difference > 0 else 'falls'} by {points(difference)}"


def eps(value: float) -> str:
    """A training radius without idle zeros: ``0.25 -> "0.25"``, ``1.0 -> "1"``."""
    return f"{value:g}"


def duration(seconds: float) -> str:
    """``75 -> "1 min 15 s"``."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
