"""The calls of each area through the connector and a real sandbox: done, read back, refused for a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.contact_ways import ContactWay
from qunflow.connectors.wecom.moments import MomentJob, Reactions
from qunflow.errors import BadInput, QunflowError
from tests.integration.connected import code_of, connected, now
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, FILM, HELPER, OTHER, OWNER, PICTURE, SECRET

LINK = {"msgtype": "link", "link": {"title": "橘子", "url": "https://shop.example.com"}}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with staff and empty groups."""
    with anywhere() as found:
        yield found


@pytest.fixture
def wecom(caller: Anywhere) -> Iterator[WeCom]:
    """A connector of it."""
    with connected(caller) as made:
        yield made


def test_tags_are_made_worn_renamed_and_deleted(caller: Anywhere, wecom: WeCom) -> None:
    """The list shows what is there, the customer what is worn, and a deleted tag is gone from both."""
    group = wecom.tags.add("来源", ["海报A", "海报B"])
    assert wecom.tags.add("来源", ["海报C"]).group_id == group.group_id
    wecom.tags.rename(group.tags["海报B"], "电梯")
    [listed] = wecom.tags.all()
    assert (listed.name, sorted(listed.tags)) == ("来源", ["海报A", "海报C", "电梯"])
    who = caller.friend()
    wecom.tags.mark(HELPER, who, add=[group.tags["海报A"], group.tags["海报B"]])
    wecom.tags.mark(HELPER, who, remove=[group.tags["海报B"]])
    assert [tag["tag_name"] for tag in wecom.customer(who)["follow_user"][0]["tags"]] == ["海报A"]
    wecom.tags.delete(group_ids=[group.group_id])
    assert wecom.tags.all() == []
    assert wecom.customer(who)["follow_user"][0]["tags"] == []


def test_tags_are_refused_with_the_platforms_code(caller: Anywhere, wecom: WeCom) -> None:
    """A taken name, an unknown tag, somebody else's customer."""
    tags = wecom.tags.add("来源", ["海报A", "海报B"]).tags
    assert code_of(lambda: wecom.tags.rename(tags["海报A"], "海报B")) == 40071
    assert code_of(lambda: wecom.tags.delete(["etnothing"])) == 40068
    who = caller.friend()
    assert code_of(lambda: wecom.tags.mark(OWNER, who, add=[tags["海报A"]])) == 84061


def test_channel_codes_are_made_read_changed_and_ended(caller: Anywhere, wecom: WeCom) -> None:
    """What was made can be read, what was ended is gone."""
    made = wecom.contact_ways.add([HELPER], state="poster-a", remark="电梯海报")
    assert made.url
    assert wecom.contact_ways.get(made.config_id) == made
    wecom.contact_ways.update(made.config_id, [OWNER], state="poster-b")
    changed = ContactWay(made.config_id, made.url, (OWNER,), "poster-b", "")
    assert wecom.contact_ways.get(made.config_id) == changed
    several = wecom.contact_ways.add([HELPER, OWNER], state="poster-c")
    span = (now(caller) - timedelta(days=1), now(caller))
    assert wecom.contact_ways.made(*span) == [made.config_id, several.config_id]
    wecom.contact_ways.delete(made.config_id)
    assert code_of(lambda: wecom.contact_ways.get(made.config_id)) == 41044
    assert wecom.contact_ways.made(*span) == [several.config_id]


def test_welcome_templates_are_kept_changed_and_removed(wecom: WeCom) -> None:
    """A text with one attachment; edited as a whole; unknown afterwards."""
    template = wecom.group_welcomes.add("橘" * 1_000, LINK)
    assert wecom.group_welcomes.get(template)["link"]["title"] == "橘子"
    wecom.group_welcomes.edit(template, "%NICKNAME% 你好")
    assert wecom.group_welcomes.get(template) == {"text": {"content": "%NICKNAME% 你好"}}
    wecom.group_welcomes.delete(template)
    assert code_of(lambda: wecom.group_welcomes.get(template)) == 40058


def test_a_moment_is_made_published_and_reported(caller: Anywhere, wecom: WeCom) -> None:
    """From the job over publishing by hand to reactions, for customers with a tag."""
    who, other = caller.friend(userid=OWNER), caller.friend(userid=OWNER)
    tag = wecom.tags.add("来源", ["海报A"]).tags["海报A"]
    wecom.tags.mark(OWNER, who, add=[tag])
    picture = wecom.media.upload_attachment("moment", "image", "a.png", PICTURE)
    image = {"msgtype": "image", "image": {"media_id": picture}}
    job = wecom.moments.add("今日到货", [image], members=[OWNER, "nobody"], tags=[tag])
    assert wecom.moments.job(job) == MomentJob("", (), ())
    caller.wait(5)
    done = wecom.moments.job(job)
    assert (done.unknown_members, done.unknown_tags) == (("nobody",), ())
    assert wecom.moments.published(done.moment_id) == {OWNER: False}
    assert code_of(lambda: wecom.moments.reached(done.moment_id, OWNER)) == 41062
    caller.act("publish_moment", moment_id=done.moment_id, userid=OWNER)
    assert wecom.moments.published(done.moment_id) == {OWNER: True}
    assert wecom.moments.chosen(done.moment_id, OWNER) == wecom.moments.reached(done.moment_id, OWNER) == [who]
    caller.act("like_moment", moment_id=done.moment_id, userid=OWNER, who=who)
    assert wecom.moments.reactions(done.moment_id, OWNER) == Reactions(0, 1)
    [shown] = wecom.moments.all(now(caller) - timedelta(days=1), now(caller))
    assert shown["moment_id"] == done.moment_id
    assert other not in wecom.moments.chosen(done.moment_id, OWNER)


def test_a_cancelled_moment_cannot_be_published(caller: Anywhere, wecom: WeCom) -> None:
    """Those who have not published it, cannot any more."""
    job = wecom.moments.add("今日到货", members=[OWNER])
    caller.wait(5)
    moment = wecom.moments.job(job).moment_id
    wecom.moments.cancel(moment)
    assert caller.try_act("publish_moment", moment_id=moment, userid=OWNER).status_code == 400


def test_a_moment_nobody_can_publish_ends_in_a_refusal(caller: Anywhere, wecom: WeCom) -> None:
    """The job's own code is raised, not swallowed."""
    job = wecom.moments.add("今日到货", members=["nobody"])
    caller.wait(5)
    assert code_of(lambda: wecom.moments.job(job)) == 81013


def test_figures_are_of_yesterday_and_before(caller: Anywhere, wecom: WeCom) -> None:
    """By owner and by day they agree; of today there are none."""
    chat, who = caller.chat(), caller.friend()
    caller.act("pull_in", chat_id=chat, external_userid=who)
    joined = now(caller)
    caller.wait(2 * 86_400)
    day = (joined + timedelta(hours=8)).date()
    by_owner = wecom.statistics.groups_by_owner([OWNER, OTHER], day, day)
    by_day = wecom.statistics.groups_by_day([OWNER, OTHER], day, day + timedelta(days=1))
    assert list(by_owner) == [OWNER, OTHER]
    assert sum(one["new_member_cnt"] for one in by_owner.values()) == by_day[day]["new_member_cnt"] == 1
    assert by_day[day + timedelta(days=1)]["new_member_cnt"] == 0
    assert wecom.statistics.members_by_day([HELPER], day, day)[day]["new_contact_cnt"] == 1
    today = day + timedelta(days=2)
    assert code_of(lambda: wecom.statistics.groups_by_day([OWNER], today, today)) == 40058


def test_customers_are_handed_over_a_day_later(caller: Anywhere, wecom: WeCom) -> None:
    """Each customer has an answer of its own; the result changes when the day is over."""
    who = caller.friend()
    assert wecom.transfers.customers(HELPER, OWNER, [who, "wmnobody"], message="换人了") == {who: 0, "wmnobody": 40096}
    assert wecom.transfers.customers_result(HELPER, OWNER) == {who: "waiting"}
    caller.wait(86_401)
    assert wecom.transfers.customers_result(HELPER, OWNER) == {who: "done"}
    assert wecom.customer(who)["follow_user"][0]["userid"] == OWNER
    assert code_of(lambda: wecom.transfers.customers(HELPER, HELPER, [who])) == 40130


def test_what_somebody_leaves_behind_is_handed_over(caller: Anywhere, wecom: WeCom) -> None:
    """Customers and groups of a member who has left find another one."""
    who, chat = caller.friend(userid=OWNER), caller.chat()
    assert wecom.transfers.groups([chat], OTHER, left=True) == {chat: 90500}
    caller.act("resign", userid=OWNER)
    assert wecom.transfers.unassigned() == [(OWNER, who)]
    assert wecom.transfers.customers(OWNER, OTHER, [who], left=True) == {who: 0}
    assert wecom.transfers.unassigned() == []
    assert wecom.transfers.customers_result(OWNER, OTHER, left=True) == {who: "waiting"}
    assert wecom.transfers.groups([chat], OTHER, left=True) == {}
    assert wecom.group(chat)["owner"] == OTHER


def test_a_group_changes_hands_on_the_job(caller: Anywhere, wecom: WeCom) -> None:
    """The new owner is read back, and cannot be given it twice."""
    chat = caller.chat()
    assert wecom.transfers.groups([chat], HELPER) == {}
    assert wecom.group(chat)["owner"] == HELPER
    assert wecom.transfers.groups([chat], HELPER) == {chat: 90504}


def test_a_file_is_uploaded_again_before_it_is_forgotten(caller: Anywhere, wecom: WeCom) -> None:
    """The id stays for sixty hours, is replaced then, and is always good for a message twelve hours later."""
    first = wecom.media.id_of("image", "a.png", PICTURE, now(caller))
    caller.wait(59 * 3_600)
    assert wecom.media.id_of("image", "b.png", PICTURE, now(caller)) == first
    caller.wait(3_600)
    second = wecom.media.id_of("image", "a.png", PICTURE, now(caller))
    assert second != first
    caller.wait(12 * 3_600 + 1)

    def template(media_id: str) -> object:
        return wecom.group_welcomes.add("早", {"msgtype": "image", "image": {"media_id": media_id}})

    assert code_of(lambda: template(first)) == 40007
    assert template(second)


def test_files_of_messages_and_of_moments_are_kept_apart(caller: Anywhere, wecom: WeCom) -> None:
    """The same film needs an upload for each use."""
    at = now(caller)
    ids = {wecom.media.id_of("video", "a.mp4", FILM, at, scene) for scene in (None, "moment", "album")}
    assert len(ids) == 3
    assert wecom.media.upload_lasting_image("a.png", PICTURE).startswith("https://")


def test_a_note_about_a_customer_is_read_back(caller: Anywhere, wecom: WeCom) -> None:
    """What is not named stays."""
    who = caller.friend()
    wecom.contacts.note(HELPER, who, remark="小林-春季群", description="要橘子")
    wecom.contacts.note(HELPER, who, remark="小林")
    follow = wecom.customer(who)["follow_user"][0]
    assert (follow["remark"], follow["description"]) == ("小林", "要橘子")
    assert code_of(lambda: wecom.contacts.note(OWNER, who, remark="x")) == 84061


def test_a_live_group_code_is_ended(caller: Anywhere, wecom: WeCom) -> None:
    """What was ended is gone."""
    config_id = wecom.add_join_way([caller.chat()], state="poster-a")
    assert wecom.get_join_way(config_id).url
    wecom.delete_join_way(config_id)
    assert code_of(lambda: wecom.get_join_way(config_id)) == 41044


def test_every_member_is_listed_once(wecom: WeCom) -> None:
    """A member of two departments has two rows at the platform."""
    found = wecom.directory.userids()
    assert len(found) == len(set(found))
    assert {HELPER, OWNER, OTHER} <= set(found)


DAY = date(2026, 1, 1)
IMAGE = {"msgtype": "image", "image": {"media_id": "m"}}
WRONG: list[Callable[[WeCom], object]] = [
    lambda wecom: wecom.tags.add("", ["a"]),
    lambda wecom: wecom.tags.add("长" * 31, ["a"]),
    lambda wecom: wecom.tags.add("来源", []),
    lambda wecom: wecom.tags.add("来源", ["长" * 31]),
    lambda wecom: wecom.tags.delete(),
    lambda wecom: wecom.tags.mark(HELPER, "wm"),
    lambda wecom: wecom.contact_ways.add([], state="a"),
    lambda wecom: wecom.contact_ways.add(["a"] * 101, state="a"),
    lambda wecom: wecom.contact_ways.add([HELPER], state="a" * 31),
    lambda wecom: wecom.contact_ways.update("c", [HELPER], state="a", remark="长" * 31),
    lambda wecom: wecom.group_welcomes.add(""),
    lambda wecom: wecom.group_welcomes.add("橘" * 1_001),
    lambda wecom: wecom.moments.add(""),
    lambda wecom: wecom.moments.add("橘" * 1_334),
    lambda wecom: wecom.moments.add("a" * 2_001),
    lambda wecom: wecom.moments.add("a", [IMAGE] * 10),
    lambda wecom: wecom.moments.add("a", [IMAGE, LINK]),
    lambda wecom: wecom.moments.add("a", [LINK]),
    lambda wecom: wecom.statistics.groups_by_day([], DAY, DAY),
    lambda wecom: wecom.statistics.groups_by_owner([OWNER], DAY, DAY - timedelta(days=1)),
    lambda wecom: wecom.statistics.members_by_day([HELPER], DAY, DAY + timedelta(days=30)),
    lambda wecom: wecom.transfers.customers(HELPER, OWNER, ["wm"] * 101),
    lambda wecom: wecom.transfers.customers(HELPER, OWNER, ["wm"], message="长" * 201),
    lambda wecom: wecom.transfers.groups([], OWNER),
    lambda wecom: wecom.media.upload("voice", "a.amr", b"x" * 2_000_001),
    lambda wecom: wecom.media.upload_lasting_image("a.png", b"12345"),
    lambda wecom: wecom.media.id_of("voice", "a.amr", b"123456", datetime(2026, 1, 1, tzinfo=UTC), "album"),
    lambda wecom: wecom.contacts.note(HELPER, "wm"),
    lambda wecom: wecom.contacts.note(HELPER, "wm", remark="长" * 21),
]


@pytest.fixture(scope="module")
def unreachable() -> Iterator[WeCom]:
    """A connector with nobody at the other end: whatever is sent fails in another way."""
    made = WeCom("http://127.0.0.1:9", CORP, SECRET, 1, production=False)
    yield made
    made.close()


@pytest.mark.parametrize("call", WRONG, ids=range(len(WRONG)))
def test_what_the_platform_would_refuse_is_not_sent(unreachable: WeCom, call: Callable[[WeCom], object]) -> None:
    """Too long, too many, empty: known before anything leaves."""
    with pytest.raises(BadInput):
        call(unreachable)


def test_what_is_within_the_limits_is_sent(unreachable: WeCom) -> None:
    """The checks above are about the input, not about the missing platform."""
    with pytest.raises(QunflowError, match="cannot be reached"):
        unreachable.tags.add("长" * 30, ["长" * 30])
