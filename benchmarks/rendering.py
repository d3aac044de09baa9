"""
Renders per CPU second: personal and identical messages through ``Templates.render_many``.

Printed beside plain Jinja2 on the same rows, which neither checks nor neutralises anything, and beside the limits:
30 µs for a personal message (500,000 in 15 CPU seconds) and 1 µs for one that is the same as another.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jinja2 import Environment, StrictUndefined

from qunflow.rendering import Templates
from qunflow.rendering.review import examples
from qunflow.settings.paths import builtin_templates

NAME = "acquisition/welcome_contact.j2"
MESSAGES = 500_000
LIMIT_US = {"personal": 30.0, "hostile": 30.0, "optional": 30.0, "identical": 1.0}

Row = Mapping[str, Any]


def rows_of(kind: str, known: Row, number: int) -> list[Row]:
    """Rows in which names differ, names that have to be cleaned, an amount in a condition, or nothing."""
    if kind == "identical":
        return [dict(known) for _ in range(number)]
    if kind == "optional":
        return [{**known, "coupon": str(count)} for count in range(number)]
    name = "小满 {}" if kind == "personal" else "@all\u200b小满\n{}"
    link = "https://q.example.com/s/{:010d}"
    return [{**known, "helper": name.format(count), "join_link": link.format(count)} for count in range(number)]


def cpu_us(work: Callable[[], Iterable[object]], number: int) -> float:
    """CPU microseconds a message."""
    started = time.process_time()
    deque(work(), maxlen=0)
    return (time.process_time() - started) / number * 1e6


def plain_jinja(source: str) -> Callable[[Sequence[Row]], Iterator[str]]:
    """Jinja2 as it comes, with missing variables refused."""
    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(source)  # noqa: S701 - chat, not HTML
    return lambda rows: (template.render(row) for row in rows)


def main(arguments: Sequence[str] = ()) -> int:
    """Print a line for each kind of rows; the number of messages may be given."""
    number = int(arguments[0]) if arguments else MESSAGES
    paths = (builtin_templates(),)
    templates = Templates(paths)
    known = {name: value for name, value in examples(paths).items() if name in _reads(templates)}
    peer = plain_jinja(templates.find(NAME).read_text(encoding="utf-8"))
    print(f"{number:,} messages of {NAME} each, CPU time")
    print(
        f"{'rows':<10} {'µs':>7} {'a CPU s':>11} {'limit µs':>9} {'of limit':>9} {'plain Jinja2 µs':>16} {'ratio':>6}"
    )
    for kind, limit in LIMIT_US.items():
        rows = rows_of(kind, known, number)
        ours = cpu_us(partial(templates.render_many, NAME, rows), number)
        theirs = cpu_us(partial(peer, rows), number)
        print(
            f"{kind:<10} {ours:>7.2f} {1e6 / ours:>11,.0f} {limit:>9.0f} {ours / limit:>8.0%} {theirs:>16.2f} "
            f"{theirs / ours:>5.1f}×"
        )
    return 0


def _reads(templates: Templates) -> frozenset[str]:
    return templates.variables(NAME) | templates.optional(NAME)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
