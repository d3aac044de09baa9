"""What a person is like: fixed for life, drawn from the seed and the person's number alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from qunflow.sandbox.dice import Dice

# Means and spreads of bell-shaped traits; sociability is log-normal instead: few people do most of the talking.
INTEREST = (0.45, 0.22)
PULLED_CARE = 0.65
MEDIAN_SOCIABLE, SPREAD_SOCIABLE = 0.06, 1.6
DILIGENT = (0.30, 0.26)
TOLERANCE = (8.0, 2.5)
BUDGET_FEN = (4_500.0, 1_800.0)
EAGER = (0.72, 0.18)
NICKNAMED = 0.2
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN = "雨晨子涵欣怡思远嘉宁若溪文博佳琪晓东丽华建国秀英志强美玲俊杰春梅海燕小芳立新桂兰"
_NICKNAMES = ("阳台种番茄", "一碗热干面", "不吃香菜", "春风十里", "楼下老王", "橘子汽水", "糖炒栗子", "慢慢来")


@dataclass(frozen=True, slots=True)
class Traits:
    """
    A person's leanings, 0 to 1 unless said otherwise.

    Args:
        interest: in what the brand sells. sociable: to speak and answer. diligent: to keep a check-in going.
        tolerance: messages a day that are borne without annoyance. budget_fen: a usual order.
        eager: to scan a group's code when a greeting shows one.
    """

    interest: float
    sociable: float
    diligent: float
    tolerance: float
    budget_fen: int
    eager: float


# Accounts of a fraud ring: keen on what is given away, silent, and never annoyed.
RING = Traits(interest=0.0, sociable=0.0, diligent=1.0, tolerance=1_000.0, budget_fen=900, eager=1.0)


def traits_of(dice: Dice, number: int, keen: float = 1.0, *, pulled: bool = False) -> Traits:
    """The traits of person ``number``; people pulled in by others care less on average."""
    care = keen * (PULLED_CARE if pulled else 1.0)
    return Traits(
        interest=_unit(dice.normal(INTEREST[0] * care, INTEREST[1], "interest", number)),
        sociable=_unit(MEDIAN_SOCIABLE * exp(dice.normal(0.0, SPREAD_SOCIABLE, "sociable", number))),
        diligent=_unit(dice.normal(*DILIGENT, "diligent", number)),
        tolerance=max(dice.normal(*TOLERANCE, "tolerance", number), 1.0),
        budget_fen=max(int(dice.normal(*BUDGET_FEN, "budget", number)), 900),
        eager=_unit(dice.normal(*EAGER, "eager", number)),
    )


def name_of(dice: Dice, number: int) -> str:
    """A display name: mostly a Chinese name, sometimes a nickname."""
    if dice.roll("nickname", number) < NICKNAMED:
        return f"{dice.pick(_NICKNAMES, 'nick', number)}{number}"
    given = "".join(dice.pick(_GIVEN, "given", number, place) for place in range(2))
    return dice.pick(_SURNAMES, "surname", number) + given


def phone_of(dice: Dice, number: int) -> str:
    """A mainland mobile number of the right shape; unique, as the number is part of it."""
    return dice.pick(("138", "139", "150", "186", "199"), "phone", number) + f"{10_000_000 + number * 7_919:08d}"[-8:]


def address_of(dice: Dice, number: int) -> str:
    """The IP address a form is sent from, of the range that is set aside for tests (RFC 2544); a person's own."""
    place = (number * 7_919 + int(65_536 * dice.roll("addresses"))) % 131_072
    return f"198.{18 + place // 65_536}.{place // 256 % 256}.{place % 256}"


def _unit(value: float) -> float:
    return min(max(value, 0.01), 0.99)
