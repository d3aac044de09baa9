"""
The few SVG pieces every chart is made of.

A chart must look the same in the report, in a mail and as an image in a Markdown page, so everything is set on the
elements themselves: no style sheet, no script, no font to load. Which chart shows what is left to ``charts``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape

INK = "#1d2733"
MUTED = "#66717f"
LINE = "#e4e1d9"
GROUND = "#ffffff"
EMPTY = "#f4f2ec"
TEAL = "#0f6b62"
PALE = "#e6f2ef"
AMBER = "#d9932f"
RED = "#c2412d"
STEPS = ("#b9ded6", "#8ccabf", "#3f9f93", TEAL)
TONES = {"good": TEAL, "wait": AMBER, "bad": RED, "mute": "#b9bfc6", "soft": STEPS[1]}
FONT = "system-ui,-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans SC',sans-serif"


def number(value: float) -> str:
    """A coordinate with at most one decimal, so that files stay small and equal on every machine."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def escaped(words: str) -> str:
    """Words as they may stand inside an element."""
    return escape(words)


def document(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """A whole picture with its spoken title."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    name = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{name}" font-family="{FONT}">'
        f"<title>{name}</title>{''.join(parts)}</svg>"
    )


def on_light_ground(picture: str, margin: float = 12) -> str:
    """The same picture inside a light frame, for pages whose own ground may be dark."""
    width, height = (float(found) for found in re.findall(r'(?:width|height)="([\d.]+)"', picture)[:2])
    wide, high = number(width + 2 * margin), number(height + 2 * margin)
    inner = picture.replace("<svg ", f'<svg x="{number(margin)}" y="{number(margin)}" ', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">'
        f'<rect width="{wide}" height="{high}" rx="8" fill="{GROUND}"/>{inner}</svg>'
    )


def rect(x: float, y: float, width: float, height: float, fill: str, *, radius: float = 3, hint: str = "") -> str:
    """A filled box; ``hint`` is what the pointer or a screen reader tells."""
    where = f'x="{number(x)}" y="{number(y)}" width="{number(max(width, 0))}" height="{number(height)}"'
    inside = f"<title>{escape(hint)}</title>" if hint else ""
    return f'<rect {where} rx="{number(radius)}" fill="{fill}">{inside}</rect>'


def dashed(x: float, y: float, width: float, height: float, hint: str) -> str:
    """An outlined empty box: a place where a figure will stand later."""
    where = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    look = f'rx="3" fill="{EMPTY}" stroke="#c9c4b8" stroke-dasharray="3 3"'
    return f"<rect {where} {look}><title>{escape(hint)}</title></rect>"


def text(
    x: float, y: float, words: str, *, size: float = 12, fill: str = INK, anchor: str = "start", bold: bool = False
) -> str:
    """One line of words, its baseline at ``y``."""
    weight = ' font-weight="600"' if bold else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    where = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
    return f'<text {where} fill="{fill}"{side}{weight}>{escape(words)}</text>'


def width_of(words: str, size: float) -> float:
    """About how wide words are set, in pixels: wide characters count one em, the rest a good half."""
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.58 for letter in words) * size


def shortened(words: str, size: float, room: float) -> str:
    """The words, cut with an ellipsis where they would run out of the room in pixels."""
    if width_of(words, size) <= room:
        return words
    kept = words
    while kept and width_of(kept + "…", size) > room:
        kept = kept[:-1]
    return kept + "…"


def shade(share: float, low: str = "#eaf4f1", high: str = TEAL) -> str:
    """The colour between two at a share of 0 to 1."""
    part = min(max(share, 0.0), 1.0)
    ends = [(int(low[i : i + 2], 16), int(high[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in ends)
