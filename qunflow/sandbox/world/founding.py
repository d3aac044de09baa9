"""The first moment of a sandbox: staff, groups, the people of the past; later starts find all this in the file."""

from __future__ import annotations

from dataclasses import replace

from qunflow.sandbox import clients
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.options import Options
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Counter, Staff
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.owners import plan_own_sends
from qunflow.sandbox.world.past import live_past
from qunflow.sandbox.world.readers import Readers
from qunflow.sandbox.world.rings import plan_rings
from qunflow.sandbox.world.spec import CommunitySpec


def found_community(platform: Platform, outside: Outside) -> Community:
    """The community of a platform, founded on the first start; it becomes the platform's public."""
    options = platform.options
    spec = _read(options)
    if not options.populated:
        spec = replace(spec, people=0, past_days=0, arrivals_per_day=0.0)
    community = Community(platform, outside, spec)
    if "founded" not in platform.counters:
        found(community)
        platform.counters.put(Counter("founded", 1))
    platform.public = Readers(community)
    return community


def _read(options: Options) -> CommunitySpec:
    if options.spec is None:
        return CommunitySpec()
    # Reading YAML costs a tenth of a second that a sandbox without a file need not wait.
    from qunflow.sandbox.world.spec_file import read_spec

    return read_spec(options.spec)


def found(community: Community) -> None:
    """Staff, groups and the past of an empty platform, and what is planned to happen."""
    platform, spec = community.platform, community.spec
    for member in spec.staff:
        platform.staff.put(Staff(member.userid, member.name, member.role, member.habit))
    for group in spec.groups:
        clients.open_chat(platform, group.name, group.owner, [group.admin])
    start = platform.now()
    if spec.past_days:
        live_past(community, day_start(start))
    platform.counters.put(Counter("past_from", start))
    platform.counters.put(Counter("past_until", platform.now()))
    platform.pushes.clear()
    plan_own_sends(community)
    plan_rings(community)
    community.plan(day_start(platform.now()) + DAY_S * (platform.now() > day_start(platform.now())), "dawn")
