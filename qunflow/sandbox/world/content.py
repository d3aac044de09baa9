"""What a message is, as a reader would see it: an offer, a question, a check-in, how appealing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LINK = re.compile(r"https?://[^\s\"'<>,，。；、）)\]】]+")
_SHORT = re.compile(r"/s/[0-9A-Za-z]+$")
_CHECK_IN = re.compile(r"/c/[0-9A-Za-z_-]+$")
_ASKS = re.compile(r"扣\s*[“\"]?1|回(复)?\s*[“\"]?1|接龙|选字母|报个数|猜|回复|扣个|说说|聊聊|发出来|[?\uff1f]")
_PRICE = re.compile(r"(\d{1,5}(?:\.\d{1,2})?)\s*元(?!券)")
_COUPON = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{13,26}\b")
_HAN = re.compile(r"[一-鿿]{3,}")
_COMMON = frozenset(
    (
        "今天的",
        "大家好",
        "明天中",
        "天中午",
        "中午十",
        "的扣一",
        "各位邻",
        "位邻居",
        "小满邻",
        "满邻里",
        "满生活",
        "小满生",
    )
)
ORDINARY_APPEAL, LEAST_APPEAL = 0.5, 0.05
ASKING, PRICED = 0.15, 0.12
WELL_MEASURED, MEASURE = 0.1, (30, 180)
BARE, BARE_BELOW = 0.25, 12
WALL_FROM, WALL_STEEPNESS, MOST_OF_A_WALL = 260, 600, 0.35
SHOUTING, SHOUTS = 0.2, 4


@dataclass(frozen=True, slots=True)
class Features:
    """A message in a reader's eyes; links are full addresses."""

    offers: tuple[str, ...]
    check_ins: tuple[str, ...]
    links: tuple[str, ...]
    asks: bool
    price_fen: int
    coupon: str
    subjects: frozenset[str]
    appeal: float


def features_of(text: str, attachments: list[dict[str, Any]]) -> Features:
    """Read a message; equal messages are read once."""
    return _features(text, json.dumps(attachments, ensure_ascii=False) if attachments else "")


@lru_cache(maxsize=512)
def gist(text: str) -> str:
    """What a message says without its links and codes, which differ from season to season: a name for chances."""
    return _COUPON.sub("", _LINK.sub("", text))


@lru_cache(maxsize=512)
def _features(text: str, attached: str) -> Features:
    links = tuple(dict.fromkeys(_LINK.findall(text) + _LINK.findall(attached)))
    price = _PRICE.search(text)
    coupon = _COUPON.search(text)
    asks = bool(_ASKS.search(text))
    return Features(
        offers=tuple(link for link in links if _SHORT.search(link)),
        check_ins=tuple(link for link in links if _CHECK_IN.search(link)),
        links=links,
        asks=asks,
        price_fen=round(float(price.group(1)) * 100) if price else 0,
        coupon=coupon.group(0) if coupon else "",
        subjects=_subjects(text),
        appeal=_appeal(text, asks=asks, priced=price is not None),
    )


def _appeal(text: str, *, asks: bool, priced: bool) -> float:
    """
    0 to 1: concrete, short and inviting reads well; shouting and walls of text do not.

    Bare links with a few words are worst: nobody knows what is behind them.
    """
    length = len(_LINK.sub("", text))
    appeal = ORDINARY_APPEAL + ASKING * asks + PRICED * priced
    appeal += WELL_MEASURED if MEASURE[0] <= length <= MEASURE[1] else 0.0
    appeal -= BARE if length < BARE_BELOW else 0.0
    appeal -= min(max(length - WALL_FROM, 0) / WALL_STEEPNESS, MOST_OF_A_WALL)
    appeal -= SHOUTING * (text.count("!") + text.count("\uff01") >= SHOUTS)
    return min(max(appeal, LEAST_APPEAL), 1.0)


def _subjects(text: str) -> frozenset[str]:
    """Three-character pieces: two messages that share one talk about the same thing."""
    pieces = {run[place : place + 3] for run in _HAN.findall(text) for place in range(len(run) - 2)}
    return frozenset(pieces - _COMMON)
