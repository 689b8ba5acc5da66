"""Whether the figures of a text are figures of results: nobody may make one up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: A number in a text, with its sign, decimals and power, and whether it is in per cent.
_NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s?%)?|(?<![\w.])\.\d+(?:\s?%)?"
)


def numbers_in(value: Any) -> Iterator[float]:
    """Every number in plain values, those in texts too."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from (number for number, _ in _figures(value))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from numbers_in(str(key))
            if key != "object_id":  # digits of a name are no figures
                yield from numbers_in(one)
    else:
        for one in value:
            yield from numbers_in(one)


def unfounded(text: str, results: Iterable[Any], names: Iterable[str] = ()) -> list[str]:
    """The figures of a text that no result has, rounded as they are written.

    Args:
        text: The text.
        results: Plain values.
        names: What is not read as figures: names of objects and columns, and the question.
    """
    known = sorted({abs(number) for result in results for number in numbers_in(result)})
    text = without(text, names)
    return [
        written
        for (number, step), written in zip(_figures(text), _written(text), strict=True)
        if not any(abs(one - abs(number)) <= 0.5 * step * (1 + 1e-9) for one in known)
    ]


def without(text: str, names: Iterable[str]) -> str:
    """The text without names, where each stands by itself: object "1" is not in "12"."""
    for name in sorted((n for n in set(names) if n in text), key=len, reverse=True):
        text = re.sub(
            rf"(?<![\w.]){re.escape(name)}(?!\w|\.\d)" if name[-1:].isalnum() else re.escape(name), " ", text
        )
    return text


def _written(text: str) -> list[str]:
    return [found.group() for found in _NUMBER.finditer(text)]


def _figures(text: str) -> Iterator[tuple[float, float]]:
    """Each number of a text, and the step of its last digit."""
    for written in _written(text):
        percent = written.endswith("%")
        digits = written.rstrip("%").strip().replace(",", "").replace("\u2212", "-")
        mantissa, _, power = digits.lower().partition("e")
        decimals = len(mantissa.partition(".")[2])
        share = 0.01 if percent else 1.0
        yield float(digits) * share, float(f"1e{int((power or '0')[:9]) - decimals}") * share
