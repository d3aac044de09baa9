"""
Charts as SVG strings: funnel, heat-map, bars, columns, sparkline.

Pure functions of their rows, with every word handed in, so that the same chart serves the report, the Prefect
artifacts and tests in any language. They draw what they are given and decide nothing about figures; ``None`` is
"not due yet" and is drawn as an empty dashed cell, never as 0.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from qunflow.report import svg

WIDTH = 360.0
LANE = 7.0
NOT_DUE = "未到期"
# Of the heat-map: its head line, a row, and the room for names and sizes.
_HEAD, _ROW, _MARGIN = 24.0, 30.0, 92.0


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One channel: its name, the people at each step (``None`` = not due yet) and a remark at the right edge."""

    label: str
    steps: tuple[int | None, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One cohort: its name, its size and a rate (0 to 1) per column, ``None`` where the window has not passed."""

    label: str
    size: int
    cells: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class HeatMean:
    """A column over the cohorts that have come due: the weighted rate (``None`` without any), and over how many."""

    rate: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar; ``tone`` is good, wait, bad, mute or soft."""

    name: str
    value: float
    tone: str = "good"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its pieces, a remark, and the length that counts as full (0 = the longest bar)."""

    label: str
    parts: tuple[Part, ...]
    note: str = ""
    full: float = 0.0


def as_data_uri(picture: str) -> str:
    """
    The picture as an address that Markdown and mail can show: ``![title](data:image/svg+xml;base64,…)``.

    It gets a light ground of its own: pages like Prefect's are dark, and the labels are too.
    """
    return "data:image/svg+xml;base64," + base64.b64encode(svg.on_light_ground(picture).encode()).decode()


def funnel_svg(
    rows: Sequence[FunnelRow],
    *,
    steps: Sequence[str] = ("留资", "加好友", "入群", "7 日在群"),
    title: str = "拉新漏斗",
    not_due: str = NOT_DUE,
) -> str:
    """
    Channels below each other, each with one thin bar a step.

    The bars lie apart, not inside each other, because real steps also grow: people add a helper without a form.
    """
    top, height = 26.0, 35.0 + len(steps) * LANE + 12
    widest = max((step or 0 for row in rows for step in row.steps), default=0) or 1
    parts = _legend([(name, svg.STEPS[_tone(i, len(steps))]) for i, name in enumerate(steps)], 12)
    for place, row in enumerate(rows):
        parts += _funnel_row(row, steps, top + place * height, widest, not_due)
    return svg.document(WIDTH, top + max(len(rows), 1) * height, title, parts)


def _tone(place: int, count: int) -> int:
    return len(svg.STEPS) - 1 if count < 2 else round(place * (len(svg.STEPS) - 1) / (count - 1))


def _funnel_row(row: FunnelRow, steps: Sequence[str], y: float, widest: int, not_due: str) -> list[str]:
    told = " → ".join(not_due if step is None else f"{step:,}" for step in row.steps)
    room = WIDTH - svg.width_of(row.note, 12) - 12
    parts = [
        svg.text(0, y + 14, svg.shortened(row.label, 13, room), size=13, bold=True),
        svg.text(WIDTH, y + 14, row.note, size=12, fill=svg.TEAL, anchor="end"),
        svg.rect(0, y + 20, WIDTH, len(steps) * LANE + 2, svg.EMPTY),
    ]
    for place, (name, step) in enumerate(zip(steps, row.steps, strict=False)):
        if step is not None:
            box = (0.0, y + 21.5 + place * LANE, WIDTH * step / widest, LANE - 1.5)
            fill = svg.STEPS[_tone(place, len(steps))]
            parts.append(svg.rect(*box, fill, radius=2, hint=f"{row.label} {name} {step:,}"))
    return [*parts, svg.text(0, y + 36 + len(steps) * LANE, told, size=11, fill=svg.MUTED)]


def heatmap_svg(
    matrix: Sequence[HeatRow],
    *,
    columns: Sequence[str],
    title: str = "留存",
    not_due: str = NOT_DUE,
    corner: str = "",
    means: Sequence[HeatMean] = (),
    means_label: str = "",
) -> str:
    """
    Cohorts below each other, time to the right; the darkest is the highest rate shown, the palest the lowest.

    Args:
        not_due: what the pointer and a screen reader are told of a blank cell; nothing is written into it.
        means: one a column, drawn below a line, each with its note under it.
    """
    scale = _scale([cell for row in matrix for cell in row.cells if cell is not None])
    step = (WIDTH - _MARGIN) / max(len(columns), 1)
    parts = [svg.text(0, 15, corner, size=11, fill=svg.MUTED)]
    for place, name in enumerate(columns):
        parts.append(svg.text(_MARGIN + (place + 0.5) * step, 15, name, size=11, fill=svg.MUTED, anchor="middle"))
    for line, row in enumerate(matrix):
        y = _HEAD + line * _ROW
        parts += [
            svg.text(0, y + 19, row.label, size=12),
            svg.text(_MARGIN - 6, y + 19, f"n={row.size:,}", size=10.5, fill=svg.MUTED, anchor="end"),
        ]
        for place, cell in enumerate(row.cells):
            hint = f"{row.label} {columns[place]}"
            parts += _heat_cell(_MARGIN + place * step, y, step, cell, hint, not_due, scale)
    below = _HEAD + max(len(matrix), 1) * _ROW
    parts += _heat_means(means, means_label, below, step)
    return svg.document(WIDTH, below + (44 if means else 0), title, parts)


def _heat_means(means: Sequence[HeatMean], label: str, y: float, step: float) -> list[str]:
    if not means:
        return []
    parts = [svg.rect(0, y + 4, WIDTH, 1, svg.LINE, radius=0), svg.text(0, y + 23, label, size=12, bold=True)]
    for place, mean in enumerate(means):
        if mean.rate is None:
            continue
        middle = _MARGIN + (place + 0.5) * step
        parts.append(svg.text(middle, y + 22, f"{mean.rate:.0%}", size=12, anchor="middle", bold=True))
        size = min(9.5, (step - 3) / max(svg.width_of(mean.note, 1), 1))
        parts.append(svg.text(middle, y + 36, mean.note, size=size, fill=svg.MUTED, anchor="middle"))
    return parts


def _scale(shown: Sequence[float]) -> tuple[float, float]:
    """Where the colours begin and end: a narrow band of rates is spread out, so that rows can be told apart."""
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    return max(0.0, low - (high - low) * 0.25), (high if high > low else low + 1.0)


def _heat_cell(
    x: float,
    y: float,
    width: float,
    cell: float | None,
    hint: str,
    not_due: str,
    scale: tuple[float, float],
) -> list[str]:
    box = (x + 1, y + 1, width - 2, _ROW - 2)
    middle = x + width / 2
    if cell is None:
        return [svg.dashed(*box, f"{hint} {not_due}")]
    low, high = scale
    share = (cell - low) / (high - low)
    ink = "#ffffff" if share > 0.55 else svg.INK
    told = f"{cell:.0%}"
    return [
        svg.rect(*box, svg.shade(share), hint=f"{hint} {cell:.1%}"),
        svg.text(middle, y + 19, told, size=12 if width > 36 else 10, fill=ink, anchor="middle"),
    ]


def bars_svg(bars: Sequence[Bar], *, title: str) -> str:
    """Horizontal bars, each under its name, made of coloured pieces with one legend above."""
    names: dict[str, str] = {part.name: svg.TONES[part.tone] for bar in bars for part in bar.parts if part.name}
    top, height = (26.0 if names else 0.0), 42.0
    longest = max((sum(part.value for part in bar.parts) for bar in bars), default=0.0) or 1.0
    parts = _legend(list(names.items()), 12)
    for place, bar in enumerate(bars):
        parts += _bar(bar, top + place * height, bar.full or longest)
    return svg.document(WIDTH, top + max(len(bars), 1) * height, title, parts)


def _bar(bar: Bar, y: float, full: float) -> list[str]:
    room = WIDTH - svg.width_of(bar.note, 12) - 12
    parts = [
        svg.text(0, y + 14, svg.shortened(bar.label, 13, room), size=13),
        svg.text(WIDTH, y + 14, bar.note, size=12, fill=svg.MUTED, anchor="end"),
        svg.rect(0, y + 21, WIDTH, 12, svg.EMPTY),
    ]
    x = 0.0
    for part in bar.parts:
        width = WIDTH * part.value / full
        parts.append(svg.rect(x, y + 21, width, 12, svg.TONES[part.tone], hint=f"{part.name} {part.value:g}".strip()))
        x += width
    return parts


def columns_svg(points: Sequence[tuple[str, float | None]], *, title: str, not_due: str = NOT_DUE) -> str:
    """Upright columns over time, the value on top of each; ``None`` leaves its place empty and dashed."""
    height, base = 150.0, 122.0
    step = WIDTH / max(len(points), 1)
    highest = max((value or 0 for _, value in points), default=0) or 1
    parts = [svg.rect(0, base, WIDTH, 1, svg.LINE, radius=0)]
    for place, (name, value) in enumerate(points):
        x, width = place * step + step * 0.16, step * 0.68
        tall = 0.0 if value is None else (base - 24) * value / highest
        middle = x + width / 2
        parts.append(svg.text(middle, base + 17, name, size=min(11.0, step / 3.2), fill=svg.MUTED, anchor="middle"))
        if value is None:
            parts.append(svg.dashed(x, base - 30, width, 29, f"{name} {not_due}"))
            continue
        parts.append(svg.rect(x, base - tall, width, tall, svg.STEPS[2], hint=f"{name} {value:g}"))
        parts.append(svg.text(middle, base - tall - 6, f"{value:g}", size=min(12.0, step / 2.6), anchor="middle"))
    return svg.document(WIDTH, height, title, parts)


def sparkline_svg(values: Sequence[float], *, title: str, width: float = 120.0, height: float = 30.0) -> str:
    """A small line without axes: only the direction, and a dot on the last value."""
    if not values:
        return svg.document(width, height, title, [])
    low, high = min(values), max(values)
    span, step = (high - low) or 1.0, (width - 8) / max(len(values) - 1, 1)
    points = [(4 + i * step, height - 5 - (value - low) / span * (height - 10)) for i, value in enumerate(values)]
    path = " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in points)
    last = points[-1]
    line = f'<polyline points="{path}" fill="none" stroke="{svg.STEPS[2]}" stroke-width="2" stroke-linejoin="round"/>'
    dot = f'<circle cx="{svg.number(last[0])}" cy="{svg.number(last[1])}" r="3" fill="{svg.TEAL}"/>'
    return svg.document(width, height, title, [line, dot])


def _legend(names: Sequence[tuple[str, str]], y: float) -> list[str]:
    parts: list[str] = []
    x = 0.0
    for name, colour in names:
        parts += [svg.rect(x, y - 9, 10, 10, colour, radius=2), svg.text(x + 14, y, name, size=11, fill=svg.MUTED)]
        x += 14 + svg.width_of(name, 11) + 14
    return parts
