"""
How a sandbox is set up: identity, limits, addresses of the product, and the first instant of its clock.

The people and groups are another matter: `world.spec`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qunflow.errors import ConfigurationError

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
class App:
    """
    An application of the corp with a token of its own.

    Args:
        sees: userids of its visible range; empty means everybody.
        forbidden: calls below ``/cgi-bin/`` it may not make (48002), each a path or the start of several, e.g.
            ``externalcontact/`` for an app that is not among those of customer contact.
    """

    agent_id: int
    secret: str = field(repr=False)
    sees: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Platform limits that a test may want lower; the defaults are the documented ones (wecom-api §2).

    ``welcome_sending_s`` is how long a welcome keeps other apps waiting (41096), ``dispatch_s`` how long a fresh
    mass task answers 41063; ``qr_members`` is where a scanned code stops filling a group, ``chat_members`` the hard
    size of a group. ``follows_page`` is how many followers one `get` shows; ``codes`` counts contact ways and join ways
    together. A moment's job takes ``moment_job_s``; how many may run at once (``moment_jobs``) is published nowhere,
    and its list takes 20 or 100 a page (``moment_page``), as SDKs disagree.

    Unpublished, hence settings: how many acquisition links there may be and how much they may still be used
    (``acquisition_*``), how long a group's new owner takes to be in office (``group_transfer_s``), how many customers a
    member may have, how long a file takes to be fetched, how many accounts the corp has (200 app messages a day each).
    ``no_customers`` is the code of `list` for a member without customers, 0 answers an empty list; ``unionids`` 0 is a
    corp that bound no WeChat developer account; ``member_names`` 1 tells apps what members are called, as only the
    directory's secret is told; ``plain_utf8`` 1 refuses ``\\uXXXX`` in bodies (40033), as some calls
    do; ``times_as_text`` 1 sends create times as strings, as some answers do; ``tags_per_list`` bounds a tag filter.
    ``group_lag_s`` is how late `groupchat/get` shows a change; ``callback_retry_s`` is how long a push that was not
    taken waits on the sandbox clock, 0 tries again at once.
    """

    calls_per_min: int = 10_000
    calls_per_hour: int = 150_000
    debug_calls_per_min: int = 5
    parallel_calls: int = 20
    token_life_s: int = 7_200
    welcome_s: int = 20
    welcome_sending_s: int = 0
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
    acquisition_links: int = 10_000
    acquisition_balance: int = 1_000
    acquisition_low: int = 100
    acquisition_add_way: int = 16
    chat_key_s: int = 1_800
    intercept_rules: int = 100
    transfer_s: int = 86_400
    transfers_per_90_days: int = 2
    group_transfer_s: int = 0
    group_transfers_per_day: int = 300
    customers_per_member: int = 20_000
    robot_calls_per_min: int = 20
    images_per_day: int = 1_000
    images_per_month: int = 3_000
    fetch_s: int = 2
    recall_s: int = 86_400
    unfiltered_members: int = 1_000
    no_customers: int = 84_061
    unionids: int = 1
    member_names: int = 0
    plain_utf8: int = 0
    times_as_text: int = 0
    tags_per_list: int = 100
    cards_per_min: int = 30
    cards_per_hour: int = 1_000
    accounts: int = 200
    wrong_secrets_per_hour: int = 2_000
    group_lag_s: int = 0
    callback_retries: int = 3
    callback_retry_s: int = 0


def named_limits() -> list[str]:
    """Every limit with its default as people write it, ``group_lag_s=0``; the quota's rule has a name of its own."""
    return [f"{one.name}={one.default}" for one in fields(Limits) if one.name != "quota_mode"]


def limits_with(limits: Limits, settings: Sequence[str]) -> Limits:
    """
    Limits with changes written as people write them, e.g. ``group_lag_s=2``.

    Raises:
        ConfigurationError: for an unknown name, a number that is none, or one below 0.
    """
    known = {one.name for one in fields(Limits)} - {"quota_mode"}
    changes: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known:
            raise ConfigurationError(f"limit {name!r} is unknown", f"valid: {', '.join(sorted(known))}")
        if not value.isdecimal():
            raise ConfigurationError(f"limit {setting!r} is no number", f"write it like {name}=2")
        changes[name] = int(value)
    return replace(limits, **changes)


@dataclass(frozen=True, slots=True)
class Options:
    """
    Everything `qunflow sandbox` can be told.

    ``db`` is a file or ``:memory:``; ``start`` is where the past begins; ``rate`` is how many simulated seconds pass in
    a real one, 0 for a clock that moves only when told to.

    ``apps`` are further applications; one with the corp's own ``agent_id`` replaces it. ``strict_media`` looks into
    files; without it their declared kind is trusted. Robots are added to customer groups in some corps only.
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
    apps: tuple[App, ...] = field(default=(), repr=False)
    strict_media: bool = True
    robots_in_customer_groups: bool = False

    @property
    def all_apps(self) -> dict[int, App]:
        """Every application by its agent id."""
        return {app.agent_id: app for app in (App(self.agent_id, self.secret), *self.apps)}
