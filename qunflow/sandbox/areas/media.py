"""Temporary files (wecom-api §7.6): kinds, sizes, and a life of three days on the sandbox clock."""

from __future__ import annotations

from qunflow.sandbox import ids
from qunflow.sandbox.fields import Field
from qunflow.sandbox.records import Media
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_MB = 1_000_000
_MOST_BYTES = {"image": 10 * _MB, "voice": 2 * _MB, "video": 10 * _MB, "file": 20 * _MB}


def upload(call: Call) -> Result:
    """Keep a file's kind and size; ``created_at`` is a string on this call, as on the real one."""
    platform, kind = call.platform, call.query.get("type", "")
    if kind not in _MOST_BYTES:
        raise Refusal(40004)
    if call.upload is None or not call.upload.content:
        raise Refusal(44001)
    size = len(call.upload.content)
    if size <= 5:
        raise Refusal(40006)
    if size > _MOST_BYTES[kind]:
        raise Refusal(45001)
    media = Media(
        ids.media_id(platform.dice, platform.number("media")), kind, call.upload.filename, size, platform.now()
    )
    platform.media.put(media)
    return {"type": kind, "media_id": media.media_id, "created_at": str(media.created_at)}, Effect(msgid=media.media_id)


ENDPOINTS = (Endpoint("media/upload", upload, (Field("type"),), upload=True),)
