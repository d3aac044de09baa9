"""
Cohorts as lines in one picture: who was there after so many days, the newest cohort in the strongest colour.

A pure function of its points; a day that has not come due is not drawn, and a line ends where its cohort has got to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from qunflow.report import svg

WIDTH, HEIGHT = 360.0, 190.0
_LEFT, _RIGHT, _BASE = 34.0, 12.0, 160.0
_ROW = 18.0
# Oldest to newest; told apart by their dashes, too, for eyes and printers that see no colour.
LOOKS = (("#8d8778", "2 3"), (svg.AMBER, "7 4"), ("#3b6ea5", "4 2"), ("#7a4f9e", "10 3 2 3"), (svg.TEAL, ""))


@dataclass(frozen=True, slots=True)
class CohortLine:
    """One cohort: its name, and (day, share 0 to 1) for each day it has reached."""

    label: str
    points: tuple[tuple[int, float], ...]


def lines_svg(lines: Sequence[CohortLine], *, title: str, axis: str) -> str:
    """
    The picture, at most as many lines as there are ``LOOKS``: the newest of them.

    Args:
        axis: words under a day, with a place for ``{day}``.
    """
    shown = list(lines[-len(LOOKS) :])
    looks = LOOKS[len(LOOKS) - len(shown) :]
    days = sorted({day for line in shown for day, _ in line.points})
    last_day = max(days, default=1) or 1
    floor = max(0.0, int(min((share for line in shown for _, share in line.points), default=0.0) * 10 - 0.5) / 10)
    top, legend = _legend([line.label for line in shown], looks)
    parts = [*legend, *_scale(top, floor), *_days(days, axis, last_day)]
    for line, look in zip(shown, looks, strict=True):
        parts += _line(line, look, last_day, top, floor)
    return svg.document(WIDTH, HEIGHT, title, parts)


def _x(day: float, last_day: int) -> float:
    # As in the survival curve: early days lie close together, the root spreads them.
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * sqrt(day / last_day)


def _y(share: float, top: float, floor: float) -> float:
    return _BASE - (_BASE - top) * (share - floor) / (1 - floor)


def _line(line: CohortLine, look: tuple[str, str], last_day: int, top: float, floor: float) -> list[str]:
    colour, dashes = look
    places = [(_x(day, last_day), _y(share, top, floor)) for day, share in ((0, 1.0), *line.points)]
    path = " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in places)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    dots = [
        f'<circle cx="{svg.number(x)}" cy="{svg.number(y)}" r="3" fill="{colour}">'
        f"<title>{svg.escaped(f'{line.label} {day}: {share:.1%}')}</title></circle>"
        for (x, y), (day, share) in zip(places[1:], line.points, strict=True)
    ]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>', *dots]


def _scale(top: float, floor: float) -> list[str]:
    parts = [svg.rect(_LEFT, _BASE, WIDTH - _LEFT - _RIGHT, 1, svg.LINE, radius=0)]
    for share in (floor, 1.0):
        y = _y(share, top, floor) + 4
        parts.append(svg.text(_LEFT - 5, y, f"{share:.0%}", size=10, fill=svg.MUTED, anchor="end"))
    return parts


def _days(days: Sequence[int], axis: str, last_day: int) -> list[str]:
    parts, free_from = [], 0.0
    for day in days:
        words = axis.format(day=day)
        half = svg.width_of(words, 10) / 2
        x = min(_x(day, last_day), WIDTH - half)
        if x - half >= free_from:
            parts.append(svg.text(x, _BASE + 17, words, size=10, fill=svg.MUTED, anchor="middle"))
            free_from = x + half + 4
    return parts


def _legend(labels: Sequence[str], looks: Sequence[tuple[str, str]]) -> tuple[float, list[str]]:
    """The names with their strokes, in as many rows as they need; and where the picture may begin below them."""
    parts, x, y = [], 0.0, 9.0
    for label, (colour, dashes) in zip(labels, looks, strict=True):
        width = 26 + svg.width_of(label, 11)
        if x and x + width > WIDTH:
            x, y = 0.0, y + _ROW
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        stroke = f'stroke="{colour}" stroke-width="2"{dash}'
        parts.append(f'<path d="M{svg.number(x)} {svg.number(y)}h20" {stroke}/>')
        parts.append(svg.text(x + 26, y + 4, label, size=11, fill=svg.MUTED))
        x += width + 14
    return y + _ROW, parts
