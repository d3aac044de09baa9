"""
Product albums (商品图册): pictures of a product with a price, for members to send.

Source: WeCom developer centre, product albums (wecom-api §8.3); the longest description and the highest price are those
of the admin console.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC, Calls, count, instant, needed, objects, part, text
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput

_DESCRIPTION_CHARS, _PRICE_FEN, _CODE_BYTES, _PICTURES = 300, 5_000_000, 128, 9


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the album; ``pictures`` are media ids, which end after three days, the pictures do not."""

    product_id: str
    description: str
    price_fen: int
    code: str
    pictures: tuple[str, ...]
    created_at: datetime | None


class Albums:
    """The calls about the album; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(self, description: str, price_fen: int, pictures: Sequence[str], *, code: str = "") -> str:
        """
        Put a product into the album; returns its id.

        Args:
            pictures: one to nine media ids of ``Media.upload_attachment("album", …)``.
            code: the corp's own number for it, letters and digits.
        """
        path = f"{EC}/add_product_album"
        body = self._calls.call(path, "write", _product(description, price_fen, pictures, code))
        return needed(body, "product_id", path)

    def get(self, product_id: str) -> Product:
        """One product. Raises: ChannelRefused 41075 for an unknown one, 41074 for one that was deleted."""
        path = f"{EC}/get_product_album"
        body = self._calls.call(path, "read", {"product_id": product_id})
        return _shown({"product_id": product_id, **part(body, "product", path)}, path)

    def all(self) -> list[Product]:
        """Every product."""
        path = f"{EC}/get_product_album_list"
        return [_shown(one, path) for one in self._calls.pages(path, "product_list", {"limit": 100})]

    def update(
        self, product_id: str, description: str, price_fen: int, pictures: Sequence[str], *, code: str = ""
    ) -> None:
        """Replace what is said of a product."""
        asked = {"product_id": product_id, **_product(description, price_fen, pictures, code)}
        self._calls.call(f"{EC}/update_product_album", "write", asked)

    def delete(self, product_id: str) -> None:
        """Take a product out of the album."""
        self._calls.call(f"{EC}/delete_product_album", "write", {"product_id": product_id})


def _product(description: str, price_fen: int, pictures: Sequence[str], code: str) -> Body:
    limits.require_bytes("description of a product", description, 4 * _DESCRIPTION_CHARS)
    limits.require_chars("description of a product", description, _DESCRIPTION_CHARS)
    limits.require_some("pictures of a product", pictures, _PICTURES)
    if not 0 <= price_fen <= _PRICE_FEN:
        raise BadInput(f"a product costs {price_fen} fen", f"keep its price within 0 and {_PRICE_FEN} fen")
    if code and not (code.isascii() and code.isalnum() and len(code) <= _CODE_BYTES):
        raise BadInput("the code of a product is not of letters and digits", f"use at most {_CODE_BYTES} of them")
    shown = [{"type": "image", "image": {"media_id": one}} for one in pictures]
    return {"description": description, "price": price_fen, "product_sn": code, "attachments": shown}


def _shown(one: Body, path: str) -> Product:
    pictures = tuple(_picture(each) for each in objects(listed(one, "attachments", path), path))
    return Product(
        text(one, "product_id"),
        text(one, "description"),
        count(one, "price", path),
        text(one, "product_sn"),
        pictures,
        instant(one.get("create_time")),
    )


def _picture(attachment: Body) -> str:
    image: Any = attachment.get("image")
    return str(image.get("media_id") or "") if isinstance(image, dict) else ""
