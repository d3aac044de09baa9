"""Ids in the shapes seen in real answers (wecom-api §4); they are reproducible and never repeat within a seed."""

from __future__ import annotations

from qunflow.sandbox.dice import Dice

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_URL_SAFE = _BASE62 + "-_"
_HEX = "0123456789abcdef"


def _shaped(dice: Dice, prefix: str, kind: str, number: int) -> str:
    return prefix + dice.letters(32 - len(prefix), _BASE62, "id", kind, number)


def external_userid(dice: Dice, number: int) -> str:
    """A WeChat customer, ``wm…``."""
    return _shaped(dice, "wm", "external", number)


def partner_userid(dice: Dice, number: int) -> str:
    """A customer who uses WeCom, ``wo…``."""
    return _shaped(dice, "wo", "external", number)


def chat_id(dice: Dice, number: int) -> str:
    """A customer group, ``wr…``."""
    return _shaped(dice, "wr", "chat", number)


def msg_id(dice: Dice, number: int) -> str:
    """A mass task or an app message, ``msg…``."""
    return _shaped(dice, "msg", "msg", number)


def config_id(dice: Dice, number: int) -> str:
    """A contact way or a join way, 32 hex digits."""
    return dice.letters(32, _HEX, "id", "config", number)


def media_id(dice: Dice, number: int) -> str:
    """An uploaded file, 43 url-safe characters."""
    return dice.letters(43, _URL_SAFE, "id", "media", number)


def welcome_code(dice: Dice, number: int) -> str:
    """The single-use code of one new friend."""
    return dice.letters(40, _URL_SAFE, "id", "welcome", number)


def access_token(dice: Dice, number: int) -> str:
    """A token; real ones have no fixed length."""
    return dice.letters(86, _URL_SAFE, "id", "token", number)


def version(dice: Dice, chat: str, number: int) -> str:
    """A ``member_version`` of a group, 32 hex digits."""
    return dice.letters(32, _HEX, "id", "version", chat, number)


def tag_id(dice: Dice, number: int) -> str:
    """A corp tag or a group of them, ``et…``."""
    return _shaped(dice, "et", "tag", number)


def moment_id(dice: Dice, number: int) -> str:
    """A moment, ``mom…``."""
    return _shaped(dice, "mom", "moment", number)


def job_id(dice: Dice, number: int) -> str:
    """A job that runs by itself, at most 64 bytes."""
    return dice.letters(40, _URL_SAFE, "id", "job", number)


def product_id(dice: Dice, number: int) -> str:
    """A product of the album, ``pd…``."""
    return _shaped(dice, "pd", "product", number)
