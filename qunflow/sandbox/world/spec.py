"""
Who and what the simulated community is at the start; every number can be changed by a ``--spec`` YAML file.

Keys of the file are the attribute names here; lists replace the defaults as a whole. `planting` has what is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from qunflow.sandbox.world.planting import (
    STRICT,
    CampaignSpec,
    ContentSpec,
    Factor,
    Key,
    OutageSpec,
    RingSpec,
    Share,
)

Count = Annotated[int, Field(ge=0, le=200_000)]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class StaffSpec:
    """
    A member of the corp.

    ``habit`` is how to-dos are handled; ``own_sends`` is how many mass messages a week an owner sends to each of the
    own groups by hand, beside the product.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    userid: Name
    name: Name
    role: Literal["helper", "owner", "admin", "support"]
    habit: Literal["prompt", "late", "never"] = "prompt"
    own_sends: Annotated[int, Field(ge=0, le=70)] = 0


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A customer group; ``share`` of the newcomers who go there, 0 for groups entered by buying."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    key: Key
    name: Name
    kind: Literal["benefit_group", "member_group", "circulation_group"]
    owner: Name
    admin: Name
    share: Share


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """
    Where people come from, and how good they are.

    ``keen`` lifts or lowers their interest (1 is average); ``buying`` and ``leaving`` are factors on their chances to
    pay and to leave; ``junk`` is the share who only fill the form in, with a phone that is none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    key: Key
    name: Name
    cost_fen: Annotated[int, Field(ge=0)]
    weight: Annotated[float, Field(ge=0)]
    keen: Factor = 1.0
    buying: Factor = 1.0
    leaving: Factor = 1.0
    junk: Share = 0.0


@dataclass(frozen=True, slots=True)
class CommunitySpec:
    """
    The community and its newcomers.

    ``people`` arrived within the ``past_days`` before the clock's start; ``arrivals_per_day`` go on afterwards;
    ``pulled_share`` of them are pulled in by members, the others come through a channel and the helper account.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    brand: Name = "小满生活"
    people: Count = 600
    past_days: Annotated[int, Field(ge=0, le=1_000)] = 60
    arrivals_per_day: Annotated[float, Field(ge=0, le=10_000)] = 9.0
    pulled_share: Share = 0.18
    form: Name = "Oet50U"
    helper: Name = "helper_xm"
    staff: Annotated[tuple[StaffSpec, ...], Field(min_length=1)] = (
        StaffSpec("helper_xm", "小满", "helper"),
        StaffSpec("owner_zhou", "周启明", "owner"),
        StaffSpec("owner_he", "何秀兰", "owner", "late"),
        StaffSpec("owner_shen", "沈知白", "owner"),
        StaffSpec("admin_lin", "林小满", "admin"),
        StaffSpec("admin_tang", "唐果", "admin", "late"),
        StaffSpec("support_wu", "吴安", "support"),
    )
    groups: tuple[GroupSpec, ...] = (
        GroupSpec("g1", "小满邻里·春熙路1群", "benefit_group", "owner_zhou", "admin_lin", 0.55),
        GroupSpec("g2", "小满邻里·玉林2群", "benefit_group", "owner_he", "admin_tang", 0.45),
        GroupSpec("g3", "小满老友会", "member_group", "owner_shen", "admin_lin", 0.0),
    )
    channels: tuple[ChannelSpec, ...] = (
        ChannelSpec("poster-a", "电梯海报", 80_000, 4, 0.9),
        ChannelSpec("store-b", "门店收银台", 30_000, 3, 1.2),
        ChannelSpec("article-c", "公众号文章", 50_000, 2, 1.0),
        ChannelSpec("fission-d", "老客带新", 20_000, 1, 0.7),
    )
    content: tuple[ContentSpec, ...] = ()
    campaigns: tuple[CampaignSpec, ...] = ()
    rings: tuple[RingSpec, ...] = ()
    outages: tuple[OutageSpec, ...] = ()
