"""
How a sandbox is set up: identity, limits, addresses of the product, and the first instant of its clock.

The people and groups are another matter: `world.spec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

QUOTA_MODES = ("month_days", "week_7", "day_1", "month_4")


@dataclass(frozen=True, slots=True)
class Callback:
    """Where client-side changes are pushed: address, token and the 43-letter key."""

    url: str = ""
    token: str = ""
    aes_key: str = ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The product's own ingress: base address and the secret that signs form and order pushes."""

    base_url: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Platform limits that a test may want lower; the defaults are the documented ones (wecom-api §2).

    ``dispatch_s`` is how long a fresh mass task answers 41063; ``qr_members`` is where a scanned code stops filling a
    group, ``chat_members`` the hard size of a group. ``follows_page`` is how many followers one `get` shows; ``codes``
    counts contact ways and join ways together. A moment's job takes ``moment_job_s``; how many may run at once
    (``moment_jobs``) is published nowhere, and its list takes 20 or 100 a page (``moment_page``), as SDKs disagree.
    """

    calls_per_min: int = 10_000
    calls_per_hour: int = 150_000
    parallel_calls: int = 20
    token_life_s: int = 7_200
    welcome_s: int = 20
    dispatch_s: int = 2
    reminders_per_day: int = 3
    media_life_s: int = 3 * 86_400
    qr_members: int = 200
    chat_members: int = 500
    quota_mode: str = "month_days"
    follows_page: int = 500
    corp_tags: int = 3_000
    codes: int = 500_000
    temporary_codes_per_day: int = 100_000
    group_welcomes: int = 100
    moment_job_s: int = 2
    moment_jobs: int = 30
    moment_page: int = 100


@dataclass(frozen=True, slots=True)
class Options:
    """
    Everything `qunflow sandbox` can be told.

    ``db`` is a file or ``:memory:``; ``start`` is where the past begins; ``rate`` is how many simulated seconds pass in
    a real one, 0 for a clock that moves only when told to.
    """

    corp_id: str
    secret: str = field(repr=False)
    seed: int = 1
    db: str = ":memory:"
    agent_id: int = 1_000_002
    start: datetime = datetime(2025, 12, 31, 16, 0, tzinfo=UTC)
    callback: Callback = field(default=Callback(), repr=False)
    hooks: Hooks = field(default=Hooks(), repr=False)
    limits: Limits = Limits()
    rate: float = 0.0
    spec: Path | None = None
    populated: bool = True
