"""
Picks figures out of a list: the newest of each kind, one of them, or a series over days.

Pure and order-independent; a list may hold many days of the same figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from qunflow.store.figures import Figure


def latest(figures: Iterable[Figure], *names: str) -> list[Figure]:
    """The newest figure of each name and dimensions, sorted by name and dimensions, numbers among these as numbers."""
    newest: dict[tuple[str, tuple[tuple[str, str], ...]], Figure] = {}
    for figure in figures:
        if figure.name not in names:
            continue
        key = (figure.name, tuple(sorted(figure.dimensions.items())))
        if key not in newest or newest[key].as_of < figure.as_of:
            newest[key] = figure
    return [newest[key] for key in sorted(newest, key=_place)]


def of_last_day(figures: Sequence[Figure], *names: str) -> list[Figure]:
    """The figures of these names whose day is the newest among them: what holds today, not what once held."""
    found = latest(figures, *names)
    newest = max((figure.as_of for figure in found), default=None)
    return [figure for figure in found if figure.as_of == newest]


def one(figures: Iterable[Figure], name: str, **dimensions: str) -> Figure | None:
    """The newest figure of a name that carries at least these dimensions, or ``None``."""
    fitting = [f for f in figures if f.name == name and _carries(f, dimensions)]
    return max(fitting, key=lambda figure: figure.as_of, default=None)


def series(figures: Iterable[Figure], name: str, since: date, **dimensions: str) -> list[Figure]:
    """The figures of a name from a day on, oldest first."""
    fitting = [f for f in figures if f.name == name and f.as_of >= since and _carries(f, dimensions)]
    return sorted(fitting, key=lambda figure: figure.as_of)


def amount(figure: Figure | None) -> float | None:
    """The value of a figure as a number; ``None`` when there is none or it is not due."""
    if figure is None or figure.value is None:
        return None
    return float(figure.value)


def people(figure: Figure | None) -> int | None:
    """The value of a count as a whole number."""
    value = amount(figure)
    return None if value is None else round(value)


def _carries(figure: Figure, dimensions: dict[str, str]) -> bool:
    return all(figure.dimensions.get(key) == value for key, value in dimensions.items())


def _place(key: tuple[str, tuple[tuple[str, str], ...]]) -> tuple[str, list[tuple[str, int, str]]]:
    name, dimensions = key
    return name, [(what, int(value) if value.isdecimal() else -1, value) for what, value in dimensions]
