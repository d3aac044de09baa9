"""
The links of what is about to be queued, judged with what this workspace knows: its own short links, and its hosts.

How a link is judged is ``rendering.links``'s; only a workspace that reaches real people asks whether a page is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from qunflow.connectors.alive import link_checker
from qunflow.delivery.links import resolve
from qunflow.delivery.model import Planned
from qunflow.rendering.links import Head, LinkRules, lint_links
from qunflow.runtime import Runtime

# Live codes and mini-program pages of the platform itself.
_PLATFORM_HOSTS = ("wework.qpic.cn", "work.weixin.qq.com", "mp.weixin.qq.com")

TextUntil = tuple[str, datetime]


def link_problems(here: Runtime, planned: Iterable[Planned], head: Head | None = None) -> Mapping[TextUntil, str]:
    """
    What is wrong with links, critical findings only: (text, last instant it may go out) → the findings in words.

    May ask the network: not to be called inside a transaction.

    Args:
        head: asks a link; by default the network in production, and nobody elsewhere.
    """
    rules = link_rules(here, head)
    contents = {(one.content.text, one.not_after): one.content for one in planned}
    found = {place: lint_links(content, place[1], rules) for place, content in contents.items()}
    bad = {place: [one for one in findings if one.severity == "critical"] for place, findings in found.items()}
    return {place: "; ".join(one.text(here.language) for one in some) for place, some in bad.items() if some}


def link_rules(here: Runtime, head: Head | None = None) -> LinkRules:
    """How this workspace judges links."""
    hosts = {*here.workspace.redirect_hosts, urlsplit(here.environment.web_url).netloc.lower(), *_PLATFORM_HOSTS}
    if head is None and here.environment.production:
        head = link_checker(hosts)
    return LinkRules(frozenset(hosts - {""}), head, lambda url: _short(here, url))


def _short(here: Runtime, url: str) -> tuple[str, datetime] | None:
    before, sign, code = url.partition("/s/")
    if not sign or before.lower() != here.environment.web_url.rstrip("/").lower():
        return None
    with here.store.reading() as conn:
        found = resolve(conn, code)
    return (found.destination, found.expires_at) if found else None
