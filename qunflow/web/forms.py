"""What a small form on a phone sends: its fields, and whole numbers among them."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request

from qunflow.web.bodies import json_object, read_body
from qunflow.web.refusals import Refusal

_MOST_DIGITS = 15


async def form_of(request: Request) -> dict[str, str]:
    """
    The fields of a form or of a JSON object, as texts; of a field given twice the last counts.

    Raises:
        Refusal: 400 for JSON that is no object, 413 for too much.
    """
    body = await read_body(request)
    if "json" in request.headers.get("content-type", ""):
        return {key: str(value) for key, value in json_object(body).items() if isinstance(value, str | int)}
    return {key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}


def whole(form: dict[str, str], name: str) -> int:
    """
    A field that must be a whole number.

    Raises:
        Refusal: 422 when it is missing or something else.
    """
    given = form.get(name, "").strip()
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise Refusal(422, "bad_field", field=name)
    return int(given)
