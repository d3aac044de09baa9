"""
The page as HTML: one style and one script inside it, allowed by their hash; nothing else may load or run.

Every value is escaped by the template engine; links in texts become links only when they are http or https.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from qunflow.sandbox.areas import TABLE
from qunflow.sandbox.page.openapi import document, rows
from qunflow.sandbox.page.view import view
from qunflow.sandbox.wire import Answer, plain
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.course import Course

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

COLOURS = 8
_LINK = re.compile(r"https?://[^\s<>\"'，。；、）】]+")


class OperatorPage:
    """The addresses people open; `reads` is added to the sandbox's own."""

    def __init__(self, community: Community, course: Course) -> None:
        self._community = community
        self._course = course
        self.reads: Mapping[str, Callable[[Mapping[str, str]], Answer]] = {
            "": self._page,
            "page": self._page,
            "page/endpoints": lambda query: _html("endpoints", rows=rows(TABLE)),
            "openapi": lambda query: plain(document(TABLE)),
        }

    def _page(self, query: Mapping[str, str]) -> Answer:
        return _html("page", **view(self._community, self._course, query))


def safe_link(address: object) -> str:
    """The address when it may be opened, else nothing."""
    text = str(address or "")
    return text if _LINK.match(text) else ""


def linked(text: str) -> Markup:
    """A text with its http addresses as links, everything else escaped."""
    from markupsafe import Markup, escape

    parts, last = [], 0
    for found in _LINK.finditer(text):
        address = escape(found.group())
        parts += [escape(text[last : found.start()]), _anchor(address)]
        last = found.end()
    return Markup("").join([*parts, escape(text[last:])])


def _anchor(address: Markup) -> Markup:
    from markupsafe import Markup

    return Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(address)


def _html(name: str, **values: Any) -> Answer:
    style, script = _part("page.css"), _part("page.js") if name == "page" else ""
    body = _templates().get_template(f"{name}.html.j2").render(style=style, script=script, **values)
    return Answer(body.encode(), headers={**_HEADERS, "Content-Security-Policy": _policy(style, script)})


def _policy(style: str, script: str) -> str:
    scripts = f"script-src '{_hash(script)}'; connect-src 'self'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; {scripts}"
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def colour_of(who: str) -> int:
    """Which of the avatar colours somebody has."""
    return sum(who.encode()) % COLOURS


@cache
def _part(name: str) -> str:
    return (files(__package__) / "html" / name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("qunflow.sandbox.page", "html")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(linked=linked, safe_link=safe_link, colour=colour_of)
    return environment


_HEADERS = {
    "Content-Type": "text/html; charset=UTF-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
