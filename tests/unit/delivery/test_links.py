"""Short links: one code a purpose, only to allowed hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from qunflow.delivery.links import CODE_LENGTH, expire, is_allowed, random_code, resolve, short_link
from qunflow.errors import BadInput
from qunflow.store.engine import Store
from tests.unit.delivery.platform_fake import NOON

HOSTS = ("shop.example.com",)
GIVEN: dict[str, Any] = {"community": "neighbours", "at": NOON, "expires_at": NOON + timedelta(days=3), "hosts": HOSTS}


def test_the_same_purpose_keeps_its_code(store: Store) -> None:
    """Asking twice gives one code, and its destination is the first one."""
    with store.writing() as conn:
        first = short_link(conn, "orange/g1", "https://shop.example.com/a", **GIVEN)
        second = short_link(conn, "orange/g1", "https://shop.example.com/b", **GIVEN)
        other = short_link(conn, "orange/g2", "https://shop.example.com/a", **GIVEN)
        found = resolve(conn, first)
    assert first == second != other
    assert found is not None
    assert (found.destination, len(first)) == ("https://shop.example.com/a", CODE_LENGTH)


def test_a_code_taken_by_chance_is_drawn_again(store: Store) -> None:
    """A collision costs another draw, not an error and not somebody else's link."""
    draws: Iterator[str] = iter(["AAAAAAAAAA", "AAAAAAAAAA", "BBBBBBBBBB"])
    with store.writing() as conn:
        one = short_link(conn, "one", "https://shop.example.com/1", **GIVEN, new_code=lambda: next(draws))
        two = short_link(conn, "two", "https://shop.example.com/2", **GIVEN, new_code=lambda: next(draws))
    assert (one, two) == ("AAAAAAAAAA", "BBBBBBBBBB")


def test_an_unknown_code_leads_nowhere_and_a_closed_one_expires(store: Store) -> None:
    """A guessed code finds nothing; an expired link says when it ended."""
    with store.writing() as conn:
        code = short_link(conn, "one", "https://shop.example.com/1", **GIVEN)
        assert resolve(conn, "0000000000") is None
        assert expire(conn, "one", NOON)
        assert not expire(conn, "none", NOON)
        found = resolve(conn, code)
    assert found is not None
    assert found.expires_at == NOON


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example.com",
        "http://shop.example.com/a?b=c#d",
        "https://SHOP.example.com/a",
        "https://shop.example.com:443/a",
    ],
)
def test_addresses_on_an_allowed_host_pass(address: str) -> None:
    """Path, query, case and port do not matter."""
    assert is_allowed(address, HOSTS)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//shop.example.com",
        "shop.example.com",
        "ftp://shop.example.com",
        "javascript:alert(1)//shop.example.com",
        "https://evil.example.com",
        "https://shop.example.com.evil.com",
        "https://evil.com/shop.example.com",
        "https://shop.example.com@evil.com",
        "https://evil.com\\@shop.example.com",
        "https://user@shop.example.com",
        "https://shop.example.com\n.evil.com",
        " https://shop.example.com",
        "https://ѕhop.example.com",
        "https://[::1",
        "https://shop.example.com:port/",
    ],
)
def test_everything_else_is_refused(store: Store, address: str) -> None:
    """Foreign hosts, other schemes and tricks of spelling make no link."""
    with store.writing() as conn, pytest.raises(BadInput):
        short_link(conn, "bad", address, **GIVEN)


def test_codes_use_the_whole_alphabet_evenly() -> None:
    """Sixty-two characters, none much more often than another."""
    drawn = "".join(random_code() for _ in range(6_200))
    counts = [drawn.count(one) for one in set(drawn)]
    assert len(counts) == 62
    assert max(counts) < 1_200
    assert min(counts) > 800
