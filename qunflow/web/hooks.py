"""
Form and order hooks: JSON of a sender who knows a secret, kept raw.

A form entry is kept whatever its fields look like, because a form changes under its owner's hands; what is missing is
found and quarantined by acquisition. An order is money, so its shape is checked here and a wrong one is refused with
the name of the field.

Source: open.jinshuju.net, form push (read 2026-11-21).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from qunflow.web.bodies import json_object, read_body
from qunflow.web.drift import drift_of, entry_of, serial_of
from qunflow.web.keeping import keep
from qunflow.web.metrics import metrics_of
from qunflow.web.pages import request_id
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.signatures import require_key, require_signature

MAX_FEN = 10**12

router = APIRouter()
log = logging.getLogger(__name__)

Fen = Annotated[int, Field(strict=True, ge=0, le=MAX_FEN)]
# No control characters: PostgreSQL keeps no NUL, and no shop means one.
Short = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Payday = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))]


class OrderHook(BaseModel):
    """A paid or refunded order; money in fen, ``refunded_fen`` is everything refunded so far, absent for all."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    order_no: Annotated[Short, Field(min_length=1)]
    status: Literal["paid", "refunded"]
    amount_fen: Fen
    paid_at: Payday
    refunded_fen: Fen | None = None
    external_userid: Short = ""
    unionid: Short = ""
    openid: Short = ""
    phone: Short = ""
    link_code: Short = ""
    coupon: Short = ""

    @model_validator(mode="after")
    def money_adds_up(self) -> OrderHook:
        """More cannot come back than was paid."""
        if (self.refunded_fen or 0) > self.amount_fen:
            raise ValueError("refunded_fen is more than amount_fen")
        return self

    @property
    def key(self) -> str:
        """The same for a repetition; whatever says something else of the order is news."""
        said = self.model_dump_json(exclude_defaults=True)
        return f"{self.order_no}/{self.status}/{hashlib.sha256(said.encode()).hexdigest()}"


@router.post("/hooks/forms/{form}")
async def receive_entry(request: Request, form: str) -> Response:
    """Keep an entry of a form of the workspace, signed by its sender."""
    body = await read_body(request)
    require_signature(request, body)
    return await _kept_entry(request, form, body)


@router.post("/hooks/forms/{form}/{key}")
async def receive_unsigned_entry(request: Request, form: str, key: str) -> Response:
    """Keep an entry of a form platform that cannot sign: the address it was given ends in the form's key."""
    body = await read_body(request)
    require_key(request, f"form:{form}", key)
    return await _kept_entry(request, form, body)


@router.post("/hooks/orders")
async def receive_order(request: Request) -> Response:
    """Keep an order."""
    body = await read_body(request)
    require_signature(request, body)
    order = _order(json_object(body))
    return await _kept(request, "order", order.key, order.model_dump(mode="json", exclude_none=True))


async def _kept_entry(request: Request, form: str, body: bytes) -> Response:
    mapping = next((one for one in ports_of(request).workspace.forms if one.form == form), None)
    if mapping is None:
        raise Refusal(404, "unknown_form")
    entry = entry_of(json_object(body)) | {"form": form}
    # Without its number an entry cannot be told from another one but by what it says.
    serial = serial_of(entry) or "sha256:" + hashlib.sha256(body).hexdigest()
    warnings = drift_of(entry, mapping).warnings
    if warnings:
        metrics_of(request).drifted(form)
        log.warning("form drifted", extra={"request_id": request_id(request), "error": "; ".join(warnings)})
    return await _kept(request, "form", f"{form}/{serial}", entry, warnings)


async def _kept(
    request: Request, source: str, key: str, body: dict[str, Any], warnings: Sequence[str] = ()
) -> Response:
    state = "kept" if await keep(request, source, key, body) else "known"
    return JSONResponse({"state": state, **({"warnings": warnings} if warnings else {})})


def _order(body: dict[str, Any]) -> OrderHook:
    try:
        return OrderHook.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Refusal(422, "bad_order", field=str(first["loc"][0]) if first["loc"] else "refunded_fen") from error
