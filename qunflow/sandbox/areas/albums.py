"""
Product albums (wecom-api §8.3): pictures of a product with a price, for members to send.

The longest description (300 characters), the highest price (50,000 yuan) and the number of pictures (9) are what the
admin console allows; the reference is silent about the first two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.areas import parts
from qunflow.sandbox.assets import Album
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

_CHANGEABLE = ("description", "price", "product_sn", "attachments")


def add(call: Call) -> Result:
    """Put a product into the album."""
    platform, body = call.platform, call.body
    _check(platform, body)
    product_id = ids.product_id(platform.dice, platform.number("product"))
    given = {name: body[name] for name in _CHANGEABLE}
    platform.albums.put(Album(product_id, **given, create_time=platform.now()))
    return {"product_id": product_id}, Effect(msgid=product_id)


def get(call: Call) -> Result:
    """One product."""
    return {"product": _shown(_album(call))}, None


def list_products(call: Call) -> Result:
    """The products that were not deleted, oldest first."""
    living = [album for album in call.platform.albums if not album.deleted_at]
    found, cursor = page(living, call.body["cursor"], call.body["limit"])
    return {"product_list": [_shown(album) for album in found], "next_cursor": cursor}, None


def update(call: Call) -> Result:
    """Change what is named."""
    platform, album = call.platform, _album(call)
    named = {name: call.body[name] for name in _CHANGEABLE if call.body[name] is not None}
    if named.get("description") == "":
        raise Refusal(41087)
    _check(platform, named)
    platform.albums.put(replace(album, **named))
    return {}, Effect(msgid=album.product_id)


def delete(call: Call) -> Result:
    """Delete a product; later calls for it answer 41074."""
    platform, album = call.platform, _album(call)
    platform.albums.put(replace(album, deleted_at=platform.now()))
    return {}, Effect(msgid=album.product_id)


def _check(platform: Platform, given: dict[str, Any]) -> None:
    code = given.get("product_sn", "")
    if code and not (code.isascii() and code.isalnum()):
        raise Refusal(41085, "letters and digits only")
    if "attachments" not in given:
        return
    if not given["attachments"]:
        raise Refusal(41088)
    for attachment in given["attachments"]:
        image = attachment.get("image") if isinstance(attachment, dict) and attachment.get("type") == "image" else None
        if not isinstance(image, dict):
            raise Refusal(41065)
        parts.require_attachment(platform, str(image.get("media_id", "")), "album", "image")


def _album(call: Call) -> Album:
    album = call.platform.albums.get(call.body["product_id"])
    if album is None:
        raise Refusal(41075)
    if album.deleted_at:
        raise Refusal(41074)
    return album


def _shown(album: Album) -> dict[str, Any]:
    return {
        "product_id": album.product_id,
        "description": album.description,
        "price": album.price,
        "product_sn": album.product_sn,
        "attachments": album.attachments,
        "create_time": album.create_time,
    }


_ID = Field("product_id", required=True, missing=41075, bad=41075)
_SETTINGS = (
    Field("description", required=True, missing=41087, bad=41087, over=41087, max_chars=300),
    Field("price", "number", required=True, missing=41086, bad=41086, low=0, high=5_000_000),
    Field("product_sn", bad=41085, over=41085, max_bytes=128),
    Field("attachments", "list", required=True, missing=41088, max_items=9, over=41064),
)
_CHANGES = tuple(replace(field, required=False, nullable=True) for field in _SETTINGS)

ENDPOINTS = (
    Endpoint("externalcontact/add_product_album", add, _SETTINGS),
    Endpoint("externalcontact/get_product_album", get, (_ID,)),
    Endpoint(
        "externalcontact/get_product_album_list",
        list_products,
        (Field("cursor"), Field("limit", "number", default=50, low=1, high=100)),
    ),
    Endpoint("externalcontact/update_product_album", update, (_ID, *_CHANGES)),
    Endpoint("externalcontact/delete_product_album", delete, (_ID,)),
)
