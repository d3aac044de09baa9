"""The links of a message are looked at before it goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qunflow.language import LANGUAGES, catalogue
from qunflow.rendering.links import LinkRules, links_of, lint_links

UNTIL = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
HOSTS = ("shop.example.com", "pay.example.com:8443")


@dataclass(frozen=True)
class Message:
    text: str = ""
    attachments: Sequence[Mapping[str, Any]] = ()


def card(url: str) -> Mapping[str, Any]:
    return {"msgtype": "link", "link": {"title": "秒杀", "url": url}}


@pytest.mark.parametrize(
    ("message", "links"),
    [
        (Message("今天没有链接 http 也没有"), ()),
        (Message("点这里https://q.example.com/s/a1，先到先得"), ("https://q.example.com/s/a1",)),
        (Message("（https://q.example.com/s/a1）"), ("https://q.example.com/s/a1",)),
        (Message("下单https://q.example.com/s/a1买它"), ("https://q.example.com/s/a1",)),
        (Message("https://q.example.com/s/a1."), ("https://q.example.com/s/a1",)),
        (Message("a https://a.example/1?b=2&c=%20#d b"), ("https://a.example/1?b=2&c=%20#d",)),
        (Message("HTTP://A.example/ 和 http://b.example"), ("HTTP://A.example/", "http://b.example")),
        (Message("https://a.example https://a.example", [card("https://a.example")]), ("https://a.example",)),
        (Message("", [card("https://a.example/x"), {"msgtype": "image", "image": {}}]), ("https://a.example/x",)),
        (Message("", [{"msgtype": "link"}, {}, card("")]), ()),
    ],
)
def test_every_link_is_found_once(message: Message, links: tuple[str, ...]) -> None:
    """A link ends where the Chinese begins, and cards have links too."""
    assert links_of(message) == links


STATUS = {
    200: [],
    301: [],
    302: [],
    401: [],
    403: [],
    405: [],
    429: [],
    404: [("link_dead", "critical")],
    410: [("link_dead", "critical")],
    500: [("link_no_answer", "warning")],
    503: [("link_no_answer", "warning")],
    None: [("link_no_answer", "warning")],
}


def found(text: str, rules: LinkRules) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in lint_links(Message(text), UNTIL, rules)]


@pytest.mark.parametrize(("status", "wrong"), STATUS.items())
def test_only_a_page_that_is_certainly_gone_stops_a_message(status: int | None, wrong: list[tuple[str, str]]) -> None:
    """A shop that does not answer just now may answer at noon; a page that wants a log-in is there."""
    assert found("https://shop.example.com/x", LinkRules(HOSTS, head=lambda url: status)) == wrong


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://shop.example.com/x", []),
        ("https://SHOP.example.com/x", []),
        ("https://pay.example.com:8443/x", []),
        ("https://pay.example.com/x", [("link_foreign", "warning")]),
        ("https://evil.example/shop.example.com", [("link_foreign", "warning")]),
        ("https://shop.example.com.evil.example/", [("link_foreign", "warning")]),
        ("http://169.254.169.254/", [("link_foreign", "warning")]),
        ("https://shop.example.com@evil.example/", [("link_broken", "critical")]),
        ("https://[::1/", [("link_broken", "critical")]),
        ("https://shop.example.com:99999/", [("link_broken", "critical")]),
    ],
)
def test_only_known_hosts_are_asked(url: str, wrong: list[tuple[str, str]]) -> None:
    """What is not on the list is shown, and nobody asks it."""
    asked: list[str] = []

    def head(url: str) -> int:
        asked.append(url)
        return 200

    assert found(url, LinkRules(HOSTS, head=head)) == wrong
    assert asked == ([] if wrong else [url])
    assert found(url, LinkRules(HOSTS)) == wrong, "without asking, the rest is judged the same"


@pytest.mark.parametrize(
    ("ends", "wrong"),
    [(timedelta(hours=1), []), (timedelta(0), ["link_expires"]), (timedelta(minutes=-1), ["link_expires"])],
)
def test_a_short_link_outlives_its_slot(ends: timedelta, wrong: list[str]) -> None:
    """It must still lead somewhere at the last minute the message may go out; its destination is what is asked."""
    asked: list[str] = []

    def short(url: str) -> tuple[str, datetime] | None:
        return ("https://shop.example.com/x", UNTIL + ends) if "/s/" in url else None

    def head(url: str) -> int | None:
        asked.append(url)
        return 200

    rules = LinkRules(HOSTS, head=head, short=short)
    assert [rule for rule, _ in found("https://q.example.com/s/a1B2", rules)] == wrong
    assert asked == ["https://shop.example.com/x"]


@pytest.mark.parametrize("rule", ["broken", "dead", "expires", "foreign", "no_answer"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_finding_has_words(rule: str, language: str) -> None:
    """The person who approves reads what is wrong and which link it is."""
    assert "x.example" in catalogue(language).text(f"copy.lint.link_{rule}", detail="x.example")
