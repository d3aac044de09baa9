"""The ``owner_filter`` of group calls (wecom-api §6.1, §8.1): at most 100 owners, by userid."""

from __future__ import annotations

from typing import Any

from qunflow.sandbox.fields import Field, checked

_MOST = 100
FIELD = Field("owner_filter", "object")
_OWNERS = (Field("userid_list", "list", max_items=_MOST, items="text"),)


def owners_in(body: dict[str, Any]) -> list[str]:
    """
    The named owners; none when nobody is named.

    Raises:
        Refusal: 40058 for more than 100 and for what is no userid.
    """
    found: list[str] = checked(_OWNERS, body["owner_filter"])["userid_list"]
    return found
