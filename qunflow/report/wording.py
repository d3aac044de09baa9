"""
How numbers, days and states are written for people.

A rate with few people behind it always shows them; money is in yuan; a blank is "未到期", never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from qunflow.report.model import PushLine, Words
from qunflow.store.figures import Figure, Unit, Value

SMALL_N = 30


def share(value: float | None, words: Words) -> str:
    """A rate as a percentage with at most one decimal."""
    if value is None:
        return words.text("report.not_due")
    return f"{value:.1%}".replace(".0%", "%")


def share_with_n(figure: Figure | None, words: Words) -> str:
    """A rate, and how many of how many when the denominator is small enough to mislead."""
    if figure is None or figure.value is None:
        return words.text("report.not_due")
    told = share(float(figure.value), words)
    if figure.denominator is not None and figure.denominator < SMALL_N:
        return words.text("report.of_few", share=told, part=figure.numerator or 0, whole=figure.denominator)
    return told


def count(value: float | None, words: Words) -> str:
    """A whole number with thousands marks, or one decimal where it is not whole."""
    if value is None:
        return words.text("report.not_due")
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def signed(value: float | None, words: Words) -> str:
    """A change with its sign."""
    return words.text("report.not_due") if value is None else f"{value:+,.0f}"


def money(fen: float | None, words: Words) -> str:
    """Fen as yuan."""
    return words.text("report.not_due") if fen is None else f"¥{fen / 100:,.2f}".replace(".00", "")


def told(figure: Figure, words: Words) -> str:
    """The value of a figure by its unit."""
    return told_value(figure.value, figure.unit, words)


def told_value(value: Value, unit: Unit, words: Words) -> str:
    """A value by its unit."""
    if value is None:
        return words.text("report.not_due")
    if unit == "text":
        return str(value)
    number = float(value)
    if unit == "days":
        return words.text("report.days", days=count(number, words))
    return {"rate": share, "fen": money}.get(unit, count)(number, words)


def known(words: Words, kind: str, name: str) -> str:
    """The word for a name of an open list (figure, rule, tier …); a name nobody has written a word for, as it is."""
    key = f"report.{kind}.{name}"
    return words.text(key) if words.has(key) else name


def fraction(figure: Figure) -> str:
    """Numerator over denominator, as far as they are known."""
    if figure.denominator is None:
        return ""
    return f"{figure.numerator if figure.numerator is not None else '–'} / {figure.denominator}"


def short_day(day: str | date) -> str:
    """``2026-03-02`` as ``03-02``; anything else as it is."""
    told = day.isoformat() if isinstance(day, date) else day
    return told[5:] if len(told) == 10 and told[4] == "-" else told


def push_state(line: PushLine) -> str:
    """
    What became of a push, as a key of the catalogue (``report.push.…``).

    A created task is "waiting for its owner", never "sent"; an unclear one is "to be verified".
    """
    if line.outcome != "waiting":
        return line.outcome
    if line.state in ("unknown", "intent"):
        return "unknown"
    if line.state in ("refused", "dead"):
        return "refused"
    if line.state in ("cancelled", "skipped"):
        return line.state
    if line.state in ("sent", "reconciled"):
        return "card_waiting" if line.way == "hand_send" else "task_waiting"
    return "missed" if line.late else "planned"


def completion(lines: Iterable[PushLine]) -> tuple[int, int]:
    """Delivered pushes, and those that count: delivered or past their last moment; withdrawn ones never count."""
    lines = [line for line in lines if line.state != "cancelled"]
    done = sum(line.outcome == "delivered" for line in lines)
    return done, done + sum(line.late and line.outcome != "delivered" for line in lines)


def push_tone(state: str) -> str:
    """The colour of a push state: good, wait, bad or mute."""
    tones = {"delivered": "good", "cancelled": "mute", "planned": "mute"}
    return tones.get(state, "wait" if state in ("task_waiting", "card_waiting", "unknown") else "bad")
