"""Named chance: reproducible, independent of order, evenly spread."""

from __future__ import annotations

from collections import Counter

from qunflow.sandbox.dice import Dice


def test_a_name_always_gives_the_same_number_and_seeds_differ() -> None:
    """The number of a name depends on nothing but the name and the seed."""
    dice = Dice(7)
    first = dice.roll("read", 12, 3)
    dice.roll("something", "else")
    assert dice.roll("read", 12, 3) == Dice(7).roll("read", 12, 3) == first
    assert Dice(8).roll("read", 12, 3) != first
    assert dice.roll("read", 1, 23) != dice.roll("read", 12, 3)


def test_rolls_are_spread_evenly() -> None:
    """Ten thousand names fall into ten bins of about a thousand."""
    bins = Counter(int(Dice(1).roll("bin", place) * 10) for place in range(10_000))
    assert set(bins) == set(range(10))
    assert all(900 < count < 1_100 for count in bins.values())


def test_weights_and_waiting_follow_their_meaning() -> None:
    """A weight of three is picked three times as often; waiting lasts its mean on average."""
    dice = Dice(3)
    picked = Counter(dice.weighted([("a", 3.0), ("b", 1.0)], "pick", place) for place in range(4_000))
    assert 2.6 < picked["a"] / picked["b"] < 3.4
    waits = [dice.waiting(600, "wait", place) for place in range(4_000)]
    assert 560 < sum(waits) / len(waits) < 640


def test_rolls_in_a_row_are_the_rolls_of_their_names() -> None:
    """The cheaper way gives the same numbers, and names that only look alike stay apart."""
    dice = Dice(7)
    for start in ("read", 1), ("read", 1.0), ("read", "1"), ("read", "谢谢", True), ():
        row = dice.rolls(*start)
        assert [row(last) for last in (1, 2, "x", 1)] == [dice.roll(*start, last) for last in (1, 2, "x", 1)]
    assert dice.rolls("read", 1)(5) != dice.rolls("read", 1.0)(5)
    assert Dice(8).rolls("read")(1) != dice.rolls("read")(1)
