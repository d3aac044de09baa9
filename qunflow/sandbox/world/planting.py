"""
What a spec file may plant in the simulated community: truths that a product should find again, and never be told.

Only shapes and limits; `effects` says what each does to a chance, `rings` and `owners` how they are carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0, le=20)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,29}$")]
Kind = Literal["any", "offer", "question", "check_in", "plain"]
Mode = Literal[
    "errcode", "http_502", "html", "truncated", "slow", "reply_lost", "dropped", "late", "duplicate", "reorder"
]
STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class ContentSpec:
    """
    What a sort of message does besides what its words do to everybody.

    Args:
        kind: the sort of message it is about. subject: words it must contain.
        appeal: added to the appeal of such a message, which is 0 to 1.
        clicking: factor on the chance to tap its link. buying: factor on the chance to pay after that tap.
        leaving: factor on the chance to leave on the day after, for everybody in a group that got one.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Kind = "any"
    subject: str = ""
    appeal: Annotated[float, Field(ge=-1, le=1)] = 0.0
    clicking: Factor = 1.0
    buying: Factor = 1.0
    leaving: Factor = 1.0


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """
    A campaign with a true lift.

    Whoever gets a message that contains ``marks`` is treated for ``days``: the chance to pay after tapping an offer
    is multiplied by ``1 + lift``. Who gets it is for the product to decide; others are the hold-out.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    key: Key
    marks: Annotated[str, Field(min_length=2)]
    lift: Annotated[float, Field(ge=-1, le=19)]
    days: Annotated[float, Field(gt=0, le=365)] = 3.0


@dataclass(frozen=True, slots=True)
class RingSpec:
    """
    A fraud ring: ``size`` accounts of few hands, come within ``minutes`` from ``at`` through one channel.

    They write ``phones`` different phones from ``devices`` addresses into the form, name ``inviters`` of their own as
    those who invited them, take coupons and check-in rewards, never talk or buy, and leave after ``stays_days``.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    key: Key
    channel: str
    at: AwareDatetime
    size: Annotated[int, Field(ge=2, le=5_000)] = 20
    minutes: Annotated[int, Field(ge=1, le=1_440)] = 90
    phones: Annotated[int, Field(ge=1)] = 4
    devices: Annotated[int, Field(ge=1)] = 3
    inviters: Annotated[int, Field(ge=1)] = 2
    stays_days: Annotated[float, Field(gt=0, le=365)] = 3.0


@dataclass(frozen=True, slots=True)
class OutageSpec:
    """
    The platform misbehaves from ``since`` until ``until`` on the sandbox clock.

    Args:
        path: below ``/cgi-bin/``, ``*`` for every call, ``callback`` for pushes to the product.
        mode: as in a posted fault plan; ``dropped`` and ``duplicate`` lose and double callbacks.
        code: the errcode of mode ``errcode``. probability: of each call or push in the window.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    path: Annotated[str, Field(min_length=1)]
    since: AwareDatetime
    until: AwareDatetime
    mode: Mode = "errcode"
    code: int = -1
    probability: Share = 1.0
