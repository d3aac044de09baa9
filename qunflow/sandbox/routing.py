"""
The routing table: every call is declared once with its fields; areas only hold the handlers.

A later call is one more `Endpoint` in the area's ``ENDPOINTS``; nothing else has to be touched.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qunflow.sandbox.fields import Field
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.wire import Answer, Refusal

NO_APP = App(0, "")
"""Who asks where no token is needed."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The one file of a multipart body."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted request: where, checked fields, query, file, and the application that asks."""

    platform: Platform
    path: str
    body: dict[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None
    app: App = NO_APP


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call did to the outside: goes to the acceptance log."""

    sender: str = ""
    targets: tuple[str, ...] = ()
    msgid: str = ""


# A call that answers a file instead of JSON gives the whole answer.
Result = tuple[dict[str, Any] | Answer, Effect | None]
Handler = Callable[[Call], Result]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One declared call.

    Args:
        path: below ``/cgi-bin/``.
        query: True when parameters come in the query string (the few GET calls); POST is accepted all the same.
        token: False only for gettoken.
    """

    path: str
    handler: Handler
    fields: Sequence[Field] = ()
    query: bool = False
    token: bool = True
    upload: bool = False


def page(items: Sequence[Any], cursor: str, limit: int) -> tuple[Sequence[Any], str]:
    """
    One page and the next cursor, which is empty at the end.

    Raises:
        Refusal: 50100 for a cursor this sandbox did not give out.
    """
    start = _place(cursor)
    rest = start + limit
    return items[start:rest], _cursor(rest) if rest < len(items) else ""


def _cursor(place: int) -> str:
    return urlsafe_b64encode(f"page:{place}".encode()).decode()


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        mark, place = urlsafe_b64decode(cursor.encode()).decode().split(":")
        number = int(place)
    except ValueError as error:
        raise Refusal(50100, "cursor") from error
    if mark != "page" or number <= 0:
        raise Refusal(50100, "cursor")
    return number
