"""Axes: the position of a value between 0 and 1, and the values that have labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import msgspec

_MOST_TICKS = 7
_NOTHING = 1e-9
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


class Scale(msgspec.Struct, frozen=True):
    """An axis from ``low`` to ``high``, linear or logarithmic, with its ticks."""

    low: float
    high: float
    is_log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return the position of a value: 0 at ``low`` and below, 1 at ``high`` and above."""
        if self.is_log:
            if value <= self.low:
                return 0.0
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))


def log_scale(values: Iterable[float]) -> Scale:
    """Return a logarithmic axis over positive values, at least a factor of three long, that ends at round numbers."""
    known = [value for value in values if value > 0 and math.isfinite(value)] or [1.0]
    low, high = min(known), max(known)
    middle = math.sqrt(low * high)
    low, high = _one_digit(min(low, middle / 2), math.floor), _one_digit(max(high * 1.1, middle * 2), math.ceil)
    return Scale(low, high, True, tuple(_log_ticks(low, high)))


def linear_scale(values: Iterable[float]) -> Scale:
    """Return an axis from zero to a round number at or above the largest value."""
    high = max((value for value in values if math.isfinite(value)), default=0.0)
    high = high if high > _NOTHING else 1.0
    step = _round_step(high / 4)
    count = math.ceil(high / step - 1e-9)
    return Scale(0.0, count * step, False, tuple(step * number for number in range(count + 1)))


def share_scale() -> Scale:
    """Return an axis from 0 to 100 %."""
    return Scale(0.0, 1.0, False, (0.0, 0.5, 1.0))


def time_ticks(from_s: float, until_s: float, most: int = 7) -> list[float]:
    """Return round seconds between two times, at most ``most`` of them."""
    length = until_s - from_s
    step = next((step for step in _STEPS_S if length / step <= most), _STEPS_S[-1] * math.ceil(length / 86400 / most))
    first = math.ceil(from_s / step)
    return [number * step for number in range(first, math.floor(until_s / step + 1e-9) + 1)]


def duration_label(ms: float) -> str:
    """Return milliseconds for an axis: ``200 µs``, ``5 ms``, ``1.5 s``."""
    if ms >= 1000 or not ms:
        return f"{ms / 1000:g} s"
    return f"{ms:g} ms" if ms >= 1 else f"{ms * 1000:g} µs"


def number_label(value: float) -> str:
    """Return a count or a rate for an axis: ``1,500``, ``0.5``, ``20k``."""
    if value >= 10_000:
        return f"{value / 1000:g}k" if value < 1_000_000 else f"{value / 1_000_000:g}M"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def share_label(value: float) -> str:
    return f"{value:.0%}"


def share_of_whole_label(value: float) -> str:
    """Return a small share for an axis: ``2.5%``."""
    return f"{100 * value:.3g}%"


def time_label(seconds: float, until_s: float) -> str:
    """Return a time of the run for an axis: ``20 s``, from two minutes on ``2:05``, and ``1:02:05`` with hours."""
    whole = round(seconds)
    if until_s < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if until_s >= 3600 else f"{minutes}:{rest:02d}"


def _log_ticks(low: float, high: float) -> list[float]:
    """Return of 1, 2, 5; 1, 3; or 1 in each decade (then each second decade, and so on) the most that are not too many."""
    for leading, every in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), step) for step in range(1, 9))):
        ticks = [tick for tick in _each_decade(leading, every, low, high) if low <= tick <= high]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return [low, high]


def _each_decade(leading: tuple[int, ...], every: int, low: float, high: float) -> Iterator[float]:
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, every):
        yield from (float(f"{digit}e{decade}") for digit in leading)


def _one_digit(value: float, to: object) -> float:
    decade = math.floor(math.log10(value))
    rounded = math.floor if to is math.floor else math.ceil
    return float(f"{rounded(round(value / 10.0**decade, 9))}e{decade}")


def _round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least ``least``."""
    decade = 10.0 ** math.floor(math.log10(least))
    return next(digit * decade for digit in (1, 2, 5, 10) if digit * decade >= least * (1 - 1e-9))
