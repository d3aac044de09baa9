"""
What is wrong with the links of a message before it goes out: dead, over before the slot is, or leading who knows where.

Knows neither network nor database: who asks a link, and what stands behind a short one, are handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from qunflow.rendering.lint import Finding, Message

# A link in Chinese copy ends where the Chinese begins.
_LINK = re.compile(
    r"https?://[^\s<>\"'`\u2018-\u201d\u2026\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+",
    re.IGNORECASE,
)
_END_OF_SENTENCE = ".,;:!?)]}"
_GONE = (404, 410)

Head = Callable[[str], int | None]
Short = Callable[[str], tuple[str, datetime] | None]


@dataclass(frozen=True, slots=True)
class LinkRules:
    """
    How links are judged.

    Args:
        hosts: where links may lead, each as ``name`` or ``name:port``; only these are asked.
        head: the HTTP status of an address, None when nobody answers; without it no link is asked.
        short: the destination of a short link of ours and the instant from which it leads nowhere (UTC); None for any
            other link.
    """

    hosts: Collection[str]
    head: Head | None = None
    short: Short | None = None


def links_of(content: Message) -> tuple[str, ...]:
    """Every link of a message once: those in the text, then those of its attachments."""
    found = [link.rstrip(_END_OF_SENTENCE) for link in _LINK.findall(content.text)]
    for attachment in content.attachments:
        part = attachment.get(str(attachment.get("msgtype", "")))
        if attachment.get("msgtype") == "link" and isinstance(part, dict):
            found.append(str(part.get("url", "")))
    return tuple(dict.fromkeys(link for link in found if link))


def with_links(text: str, change: Callable[[str], str]) -> str:
    """A text with every link in it changed, and nothing else."""

    def changed(found: re.Match[str]) -> str:
        link = found[0].rstrip(_END_OF_SENTENCE)
        return change(link) + found[0][len(link) :]

    return _LINK.sub(changed, text)


def lint_links(content: Message, until: datetime, rules: LinkRules) -> tuple[Finding, ...]:
    """
    Everything wrong with the links of a message.

    Args:
        until: the last instant at which it may go out (UTC).
    """
    return tuple(finding for link in links_of(content) for finding in _of_link(link, until, rules))


def _of_link(link: str, until: datetime, rules: LinkRules) -> Iterator[Finding]:
    known = rules.short(link) if rules.short else None
    destination, ends_at = known or (link, None)
    if ends_at is not None and ends_at <= until:
        yield Finding("link_expires", "critical", f"{link} ({ends_at:%Y-%m-%d %H:%M}Z)")
    host = _host(destination)
    if host is None:
        yield Finding("link_broken", "critical", link)
    elif not {host, host.partition(":")[0]} & set(rules.hosts):
        yield Finding("link_foreign", "warning", host)
    elif rules.head is not None:
        yield from _asked(link, rules.head(destination))


def _asked(link: str, status: int | None) -> Iterator[Finding]:
    """A page that wants a log-in or a customer's phone is there; only "gone" is certain."""
    if status in _GONE:
        yield Finding("link_dead", "critical", f"{link} ({status})")
    elif status is None or status >= 500:
        yield Finding("link_no_answer", "warning", link if status is None else f"{link} ({status})")


def _host(link: str) -> str | None:
    """Host and port as written, small letters; None for what is no http(s) address."""
    try:
        parts = urlsplit(link)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.hostname + port
