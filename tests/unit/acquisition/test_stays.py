"""What is known of a person in a group gives the times they were in, in whatever order it became known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from qunflow.acquisition.stays import BY_CALLBACK, BY_ROSTER, Evidence, Seen, Stay, stays_of

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def told(stay: Stay) -> tuple[datetime, datetime | None, str | None]:
    return stay.joined_at, stay.left_at, stay.left_known_by


def test_a_leave_is_told_by_a_callback_or_bounded_by_two_looks() -> None:
    """The callback's time wins; without one the stay ends between the last sighting and the look that missed it."""
    shown = Seen(at(0), at(24))

    (by_callback,) = stays_of(Evidence([shown], [at(0)], [at(30)]), [at(24), at(48)])
    (by_roster,) = stays_of(Evidence([shown]), [at(24), at(48)])

    assert told(by_callback) == (at(0), at(30), BY_CALLBACK)
    assert told(by_roster) == (at(0), at(48), BY_ROSTER)
    assert at(24) - timedelta(minutes=1) <= by_roster.not_before <= at(24)


def test_coming_back_without_a_leave_closes_the_stay_before() -> None:
    """A second join whose leave nobody told of begins a new interval and bounds the old one."""
    first, second = stays_of(Evidence([Seen(at(0), at(24))], [at(0), at(30)]), [at(24)])

    assert told(first) == (at(0), at(30) - TICK, BY_ROSTER)
    assert told(second) == (at(30), None, None)


def test_a_visit_between_two_looks_is_known_from_callbacks_alone() -> None:
    """Who came and went unseen was in; whose leave got lost as well was out at the next look."""
    both, join_only = (
        stays_of(Evidence((), [at(1)], leaves), [at(0), at(24)]) for leaves in ([at(3)], list[datetime]())
    )

    assert [told(one) for one in both] == [(at(1), at(3), BY_CALLBACK)]
    assert [told(one) for one in join_only] == [(at(1), at(24), BY_ROSTER)]


def test_a_roster_that_shows_changes_late_ends_nobody() -> None:
    """Whoever joined two seconds before a look is not taken for gone; whoever left then left when the callback says."""
    look = at(24)
    (came,) = stays_of(Evidence((), [look - timedelta(seconds=2)]), [look])
    (went,) = stays_of(Evidence([Seen(at(0), look)], [at(0)], [look - timedelta(seconds=2)]), [look])

    assert came.left_at is None
    assert told(went) == (at(0), look - timedelta(seconds=2), BY_CALLBACK)


def test_a_callback_that_a_later_roster_denies_is_not_believed() -> None:
    """A leave told before the same stay was seen again, and a join of somebody who was in, change nothing."""
    (stay,) = stays_of(Evidence([Seen(at(0), at(24))], [at(0), at(10)], [at(5)]), [at(24)])

    assert told(stay) == (at(0), None, None)


def test_an_import_that_tells_a_leave_and_a_join_of_one_minute_stands_as_told() -> None:
    """Nothing is cut off the first stay; one that is told to have gone on past the next join is."""
    again = Seen(at(10), at(20), at(20), "import")
    for ended_at, left_at in ((at(10), at(10)), (at(11), at(10) - timedelta(microseconds=1))):
        told_whole = [Seen(at(0), at(10), ended_at, "import"), again]
        assert [one.left_at for one in stays_of(Evidence(told_whole), [])] == [left_at, at(20)]


def test_the_end_an_import_tells_stays() -> None:
    """A stay told in full by another source ends where that says, or when the person came back."""
    ended = Seen(at(0), at(5), at(10), "import")

    assert [told(one) for one in stays_of(Evidence([ended], [at(3)], [at(4)]), [at(24)])] == [(at(0), at(10), "import")]


def test_two_accounts_of_one_join_are_one_stay() -> None:
    """A roster's time and a callback's, seconds apart, are the same join."""
    (stay,) = stays_of(Evidence([Seen(at(0), at(24))], [at(0) + timedelta(seconds=3)]), [at(24)])

    assert told(stay) == (at(0), None, None)


def test_leaving_and_coming_back_within_a_minute_are_two_stays() -> None:
    """A told leave in between tells the first joining from the second, even when the second was never told."""
    half, minute = timedelta(seconds=30), timedelta(seconds=60)
    first, second = stays_of(Evidence([Seen(at(0) + minute, at(24))], [at(0)], [at(0) + half]), [at(24)])

    assert told(first) == (at(0), at(0) + half, BY_CALLBACK)
    assert told(second) == (at(0) + minute, None, None)


def test_two_accounts_in_one_group_are_one_stay() -> None:
    """Somebody who is in twice at once is in from the first joining until the last account is gone."""
    both = [Seen(at(0), at(24)), Seen(at(5), at(48))]

    (stay,) = stays_of(Evidence(both, [at(0), at(5)], [at(50)]), [at(24), at(48), at(72)])

    assert told(stay) == (at(0), at(50), BY_CALLBACK)


@dataclass(frozen=True)
class Life:
    """How it really was: stays as (joined, left), looks, and which callbacks got lost."""

    stays: list[tuple[datetime, datetime | None]]
    looks: list[datetime]
    lost: frozenset[int]

    def callbacks(self) -> list[tuple[bool, datetime]]:
        moves = [(True, joined) for joined, _ in self.stays]
        moves += [(False, left) for _, left in self.stays if left is not None]
        return [move for number, move in enumerate(sorted(moves, key=lambda one: one[1])) if number not in self.lost]

    def seen(self) -> list[Seen]:
        shown = []
        for joined, left in self.stays:
            when = [look for look in self.looks if joined <= look and (left is None or look < left)]
            if when:
                shown.append(Seen(joined, max(when)))
        return shown

    def evidence(self, moves: list[tuple[bool, datetime]] | None = None) -> Evidence:
        known = self.callbacks() if moves is None else moves
        return Evidence(
            self.seen(), [when for joined, when in known if joined], [when for joined, when in known if not joined]
        )


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Comings and goings at whole minutes, more than two apart, and looks that fall on none of them."""
    marks = sorted(draw(st.lists(st.integers(0, 600), min_size=1, max_size=9, unique=True)))
    times = [START + timedelta(minutes=3 * mark) for mark in marks]
    stays: list[tuple[datetime, datetime | None]] = list(zip(times[::2], times[1::2], strict=False))
    if len(times) % 2:
        stays.append((times[-1], None))
    looks = draw(st.lists(st.integers(0, 700), max_size=6, unique=True))
    lost = draw(st.frozensets(st.integers(0, len(times) - 1)))
    return Life(stays, [START + timedelta(minutes=3 * look + 1) for look in sorted(looks)], lost)


@given(life=lives(), seed=st.randoms(use_true_random=False), times=st.integers(1, 46))
@settings(max_examples=300, deadline=None)
def test_callbacks_in_any_order_and_number_say_the_same(life: Life, seed: object, times: int) -> None:
    """What comes out depends on the set of what was told, not on its order or how often it was told."""
    moves = life.callbacks()
    shuffled = [move for move in moves for _ in range(times)]
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert stays_of(life.evidence(shuffled), life.looks) == stays_of(life.evidence(moves), life.looks)


@given(life=lives())
@settings(max_examples=600, deadline=None)
def test_whatever_callbacks_are_lost_the_roster_is_the_last_look(life: Life) -> None:
    """After a look the person is in or out as the look showed, unless a later callback tells otherwise."""
    stays = stays_of(life.evidence(), life.looks)

    assert all(one.left_at is not None and one.left_at < two.joined_at for one, two in pairwise(stays))
    if life.looks:
        look = life.looks[-1]
        really = any(joined <= look and (left is None or look < left) for joined, left in life.stays)
        assert any(one.joined_at <= look and (one.left_at is None or look < one.left_at) for one in stays) == really


@given(life=lives())
@settings(max_examples=600, deadline=None)
def test_every_stay_that_was_seen_ends_within_its_bounds(life: Life) -> None:
    """The true leave of a stay lies between the bounds that were marked, or is the very instant that was told."""
    found = {one.joined_at: one for one in stays_of(life.evidence(), life.looks)}
    for seen in life.seen():
        left = next(end for joined, end in life.stays if joined == seen.joined_at)
        stay = found[seen.joined_at]
        if stay.left_known_by == BY_CALLBACK:
            assert left == stay.left_at or _another_was_lost(life, seen.joined_at)
        elif stay.left_known_by == BY_ROSTER:
            assert left is not None
            assert stay.left_at is not None
            assert stay.not_before <= left <= stay.left_at + TICK


def _another_was_lost(life: Life, joined: datetime) -> bool:
    """Whether both the leave of a stay and the join of the next got lost: then the next leave is taken for its own."""
    told_joins = {when for is_join, when in life.callbacks() if is_join}
    return any(later > joined and later not in told_joins for later, _ in life.stays)


@given(life=lives())
@settings(max_examples=300, deadline=None)
def test_with_every_callback_the_stays_are_what_they_were(life: Life) -> None:
    """Nothing lost, nothing bounded: the intervals are the true ones."""
    whole = Life(life.stays, life.looks, frozenset())

    assert [(one.joined_at, one.left_at) for one in stays_of(whole.evidence(), whole.looks)] == life.stays


def test_bounds_are_marked_as_such() -> None:
    """An open stay has no source of its leave, a bounded one says roster."""
    open_one, bounded = (stays_of(Evidence([Seen(at(0), at(24))]), looks)[0] for looks in ([at(24)], [at(24), at(25)]))

    assert (open_one.left_known_by, bounded.left_known_by) == (None, BY_ROSTER)
