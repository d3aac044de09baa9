"""
The hand-send card: what to post in which group, one tap to copy, one to say it is done.

The token in the address is the key of one person's card; only its hash is looked up.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.delivery.hand_send import HandCard, hand_card, mark_hand_sent, token_digest, undo_hand_sent
from qunflow.web.bodies import json_object, read_body
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

MAX_REPLIES = 100_000

router = APIRouter()


@router.get("/hand/{token}")
def show(request: Request, token: str) -> Response:
    """The card, as a page or as data."""
    card = _card(request, token)
    if wants_json(request):
        return JSONResponse(_plain(card))
    ports = ports_of(request)
    zone = next((c.zone_info for c in ports.workspace.communities if c.key == card.community), None)
    return page(
        request,
        "hand",
        card=card,
        due=f"{card.due_at.astimezone(zone):%H:%M}",
        until=f"{card.not_after.astimezone(zone):%H:%M}",
        done_at=f"{card.outcome_at.astimezone(zone):%H:%M}" if card.outcome_at else "",
        late=card.outcome != "delivered" and ports.clock.now() > card.not_after,
        token=token,
    )


@router.post("/hand/{token}/done")
async def done(request: Request, token: str) -> Response:
    """The person posted it; how many replied may be told, also later."""
    replies = _reply_count(request, await read_body(request))
    return await run_in_threadpool(_finish, request, token, replies)


@router.post("/hand/{token}/undo")
async def undo(request: Request, token: str) -> Response:
    """Take the tap back."""
    await read_body(request)
    return await run_in_threadpool(_undo, request, token)


def _finish(request: Request, token: str, replies: int | None) -> Response:
    _card(request, token)
    ports = ports_of(request)
    at, digest = ports.clock.now(), token_digest(token)
    if not ports.store.write(lambda conn: mark_hand_sent(conn, digest, replies, at)):
        raise Refusal(409, "card_not_open")
    return _after(request, token)


def _undo(request: Request, token: str) -> Response:
    _card(request, token)
    ports = ports_of(request)
    at, digest = ports.clock.now(), token_digest(token)
    if not ports.store.write(lambda conn: undo_hand_sent(conn, digest, at)):
        raise Refusal(409, "card_not_open")
    return _after(request, token)


def _after(request: Request, token: str) -> Response:
    if not wants_json(request):
        # A reload after the tap must not tap again.
        return RedirectResponse(f"/hand/{token}", status_code=303)
    return JSONResponse(_plain(_card(request, token)))


def _card(request: Request, token: str) -> HandCard:
    may_ask(request)
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "POST":
        raise Refusal(403, "from_elsewhere")
    digest = token_digest(token)
    with ports_of(request).store.reading() as conn:
        card = hand_card(conn, digest)
    if card is None:
        raise unknown_code(request, "unknown_card")
    return card


def _plain(card: HandCard) -> dict[str, object]:
    return {
        "text": card.text,
        "attachments": list(card.attachments),
        "group": card.group,
        "chat_id": card.chat_id,
        "due_at": card.due_at.isoformat(),
        "not_after": card.not_after.isoformat(),
        "state": card.outcome,
        "reply_count": card.reply_count,
    }


def _reply_count(request: Request, body: bytes) -> int | None:
    """Raises: Refusal 422 when it is no whole number from 0 on; nothing given is nothing known."""
    if "json" in request.headers.get("content-type", ""):
        given = json_object(body).get("reply_count")
    else:
        given = parse_qs(body.decode("utf-8", "replace")).get("reply_count", [""])[0].strip() or None
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        given = int(given)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MAX_REPLIES:
        raise Refusal(422, "bad_reply_count", field="reply_count")
    return given
