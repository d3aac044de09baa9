"""
Whether the callbacks that came are all there were: each names the version of the member list before and after it.

A chain that reaches from the version on file to the last callback lost nothing on the way; any other is a gap, and a
gap is closed by reading the roster, never by guessing. Changes made by calls raise no callback, so a whole chain does
not replace the daily look.
Source: developer.work.weixin.qq.com, 客户联系 › 客户群变更事件 (LastMemVer, CurMemVer; read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the links lead from a version, and whether none is left over."""

    version: str
    is_whole: bool


def chain(version: str, links: Iterable[tuple[str, str]]) -> Chain:
    """
    Follow links (version before, version after) in whatever order and however often they came.

    Args:
        version: the version on file; empty when the group was never read.
    """
    left = set(links)
    after = dict(sorted(left))
    reached = version
    while reached and (following := after.get(reached)) and (reached, following) in left:
        left.discard((reached, following))
        reached = following
    return Chain(reached, bool(version) and not left)
