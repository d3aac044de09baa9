"""
The survival curve as SVG: what was seen as a solid line, what is expected as a dashed one in its band.

A pure function of its points; a day without a value is not drawn at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from qunflow.report import svg

WIDTH, HEIGHT = 360.0, 190.0
_LEFT, _RIGHT, _TOP, _BASE = 34.0, 10.0, 26.0, 160.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A share (0 to 1) on a day after joining; ``low`` and ``high`` where it is expected, not seen."""

    day: int
    share: float
    low: float | None = None
    high: float | None = None


def curve_svg(
    seen: Sequence[CurvePoint], ahead: Sequence[CurvePoint], *, title: str, names: tuple[str, str], axis: Sequence[str]
) -> str:
    """
    The picture; both lines begin where everybody is there, or where the one before ends.

    Args:
        names: what the solid and the dashed line are called.
        axis: the words under the days of ``seen`` and ``ahead``, in that order.
    """
    start = CurvePoint(0, 1.0)
    last_day = max((point.day for point in (*seen, *ahead)), default=1)
    floor = _floor([point.low if point.low is not None else point.share for point in (*seen, *ahead)])
    known = [start, *seen]
    parts = [*_legend(names), *_scale(floor)]
    if ahead:
        parts += [_band([known[-1], *ahead], last_day, floor), _line([known[-1], *ahead], last_day, floor, dashed=True)]
    parts.append(_line(known, last_day, floor, dashed=False))
    for point in (*seen, *ahead):
        parts.append(_dot(point, last_day, floor))
    parts += _days((*seen, *ahead), axis, last_day)
    return svg.document(WIDTH, HEIGHT, title, parts)


def _floor(shares: Sequence[float]) -> float:
    """The share at the bottom: a round number below all, so that small losses can be seen."""
    return max(0.0, int(min(shares, default=0.0) * 10 - 0.5) / 10)


def _x(day: float, last_day: int) -> float:
    # Early days lie close together: the root spreads them without hiding the order.
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * sqrt(day / last_day)


def _y(share: float, floor: float) -> float:
    return _BASE - (_BASE - _TOP) * (share - floor) / (1 - floor)


def _line(points: Sequence[CurvePoint], last_day: int, floor: float, *, dashed: bool) -> str:
    path = " ".join(f"{svg.number(_x(p.day, last_day))},{svg.number(_y(p.share, floor))}" for p in points)
    look = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{svg.TEAL}" stroke-width="2"{look}/>'


def _band(points: Sequence[CurvePoint], last_day: int, floor: float) -> str:
    upper = [(p.day, p.share if p.high is None else p.high) for p in points]
    lower = [(p.day, p.share if p.low is None else p.low) for p in reversed(points)]
    path = " ".join(f"{svg.number(_x(day, last_day))},{svg.number(_y(share, floor))}" for day, share in upper + lower)
    return f'<polygon points="{path}" fill="{svg.PALE}" stroke="none"/>'


def _dot(point: CurvePoint, last_day: int, floor: float) -> str:
    x, y = _x(point.day, last_day), _y(point.share, floor)
    fill = svg.TEAL if point.low is None else svg.GROUND
    where = f'cx="{svg.number(x)}" cy="{svg.number(y)}" r="3" fill="{fill}" stroke="{svg.TEAL}" stroke-width="1.5"'
    words = f"{point.share:.0%}"
    told = svg.text(min(x, WIDTH - svg.width_of(words, 10.5) / 2 - 3), y - 7, words, size=10.5, anchor="middle")
    return f"<circle {where}/>{told}"


def _scale(floor: float) -> list[str]:
    parts = [svg.rect(_LEFT, _BASE, WIDTH - _LEFT - _RIGHT, 1, svg.LINE, radius=0)]
    for share in (floor, 1.0):
        parts.append(svg.text(_LEFT - 5, _y(share, floor) + 4, f"{share:.0%}", size=10, fill=svg.MUTED, anchor="end"))
    return parts


def _days(points: Sequence[CurvePoint], axis: Sequence[str], last_day: int) -> list[str]:
    parts, free_from = [], 0.0
    for point, words in zip(points, axis, strict=True):
        x, half = _x(point.day, last_day), svg.width_of(words, 10) / 2
        x = min(x, WIDTH - half)
        if x - half >= free_from:
            parts.append(svg.text(x, _BASE + 17, words, size=10, fill=svg.MUTED, anchor="middle"))
            free_from = x + half + 4
    return parts


def _legend(names: tuple[str, str]) -> list[str]:
    seen, ahead = names
    second = _LEFT + 26 + svg.width_of(seen, 11) + 16
    return [
        f'<path d="M{svg.number(_LEFT)} 9h20" stroke="{svg.TEAL}" stroke-width="2"/>',
        svg.text(_LEFT + 26, 13, seen, size=11, fill=svg.MUTED),
        f'<path d="M{svg.number(second)} 9h20" stroke="{svg.TEAL}" stroke-width="2" stroke-dasharray="5 4"/>',
        svg.text(second + 26, 13, ahead, size=11, fill=svg.MUTED),
    ]
