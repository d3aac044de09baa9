"""
Objects made in a test company for trial: each is made, read back, changed and deleted again before the next one.

None of them reaches anybody: no message, no moment, no handover. Two files are uploaded, which WeCom forgets by itself
after three days. What the answers have in common with others is left to ``shapes``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from qunflow.connectors.wecom.calls import EC
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.verification import Given, Witness
from qunflow.errors import ChannelRefused, ChannelUnavailable, QunflowError

_LINK = f"{EC}/customer_acquisition"
_WELCOME = f"{EC}/group_welcome_template"
WRITE = (
    f"{EC}/add_corp_tag",
    f"{EC}/edit_corp_tag",
    f"{EC}/del_corp_tag",
    f"{EC}/add_contact_way",
    f"{EC}/update_contact_way",
    f"{EC}/del_contact_way",
    f"{EC}/groupchat/add_join_way",
    f"{EC}/groupchat/get_join_way",
    f"{EC}/groupchat/update_join_way",
    f"{EC}/groupchat/del_join_way",
    f"{_WELCOME}/add",
    f"{_WELCOME}/get",
    f"{_WELCOME}/edit",
    f"{_WELCOME}/del",
    f"{_LINK}/create_link",
    f"{_LINK}/update_link",
    f"{_LINK}/delete_link",
    f"{EC}/add_intercept_rule",
    f"{EC}/update_intercept_rule",
    f"{EC}/del_intercept_rule",
    "media/upload",
    "media/get",
    "media/upload_attachment",
    f"{EC}/add_product_album",
    f"{EC}/update_product_album",
    f"{EC}/delete_product_album",
)


def write(wecom: WeCom, witness: Witness, name: str, now: datetime) -> None:
    """
    Make every kind of object and delete it again.

    Args:
        name: of all of them, at most 20 characters and nobody else's: WeCom adds tags to a group that is there.

    Raises:
        ChannelUnavailable, ChannelRefused: an object may be left behind; the error names it.
    """
    if not witness.logged_in:
        return
    _try_tags(wecom, witness, name)
    members = witness.tried(wecom.follow_users) or []
    if members:
        _try_contact_way(wecom, witness, name, members[0])
        _try_link(wecom, witness, name, members[0])
        _try_rule(wecom, witness, name, members[0])
    for group in (witness.tried(wecom.groups) or [])[:1]:
        _try_join_way(wecom, witness, name, str(group.get("chat_id")))
    _try_welcome(wecom, witness, name)
    _try_file(wecom, witness, name)
    _try_product(wecom, witness, name, now)


def picture() -> bytes:
    """A small grey PNG."""
    rows = b"".join(b"\0" + b"\x80" * 64 for _ in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _try_tags(wecom: WeCom, witness: Witness, name: str) -> None:
    trial = _Trial(witness, f"a tag group {name!r}")
    with trial.made(
        lambda: wecom.tags.add(name, [name]).group_id, lambda group_id: wecom.tags.delete(group_ids=[group_id])
    ) as group_id:
        trial.use(wecom.tags.rename, group_id, f"{name}-2")


def _try_contact_way(wecom: WeCom, witness: Witness, name: str, userid: str) -> None:
    ways, trial = wecom.contact_ways, _Trial(witness, f"a channel code with the remark {name!r}")
    with trial.made(lambda: ways.add([userid], state=name, remark=name).config_id, ways.delete) as config_id:
        trial.use(ways.get, config_id)
        trial.use(ways.update, config_id, [userid], state=name, remark=name)


def _try_link(wecom: WeCom, witness: Witness, name: str, userid: str) -> None:
    links, trial = wecom.acquisition, _Trial(witness, f"an acquisition link {name!r}")
    with trial.made(lambda: links.create(name, [userid]).link_id, links.delete) as link_id:
        trial.use(links.get, link_id)
        trial.use(links.update, link_id, members=[userid])


def _try_rule(wecom: WeCom, witness: Witness, name: str, userid: str) -> None:
    rules, trial = wecom.sensitive_words, _Trial(witness, f"a sensitive-word rule {name!r}")
    # Nobody writes its one word, and if they did, they would only be warned.
    with trial.made(lambda: rules.add(name, [name], [userid], blocks=False), rules.delete) as rule_id:
        trial.use(rules.get, rule_id)
        trial.use(rules.update, rule_id, name, [f"{name}-2"])


def _try_join_way(wecom: WeCom, witness: Witness, name: str, chat_id: str) -> None:
    trial = _Trial(witness, f"a live group code with the state {name!r}")
    with trial.made(lambda: wecom.add_join_way([chat_id], state=name), wecom.delete_join_way) as config_id:
        trial.use(wecom.get_join_way, config_id)
        trial.use(wecom.update_join_way, config_id, [chat_id], state=name)


def _try_welcome(wecom: WeCom, witness: Witness, name: str) -> None:
    welcomes, trial = wecom.group_welcomes, _Trial(witness, f"a welcome template {name!r}")
    with trial.made(lambda: welcomes.add(name, notify=False), welcomes.delete) as template_id:
        trial.use(welcomes.get, template_id)
        trial.use(welcomes.edit, template_id, f"{name}-2")


def _try_file(wecom: WeCom, witness: Witness, name: str) -> None:
    media_id = witness.tried(wecom.media.upload, "image", f"{name}.png", picture())
    if media_id and witness.tried(wecom.media.get, media_id) == picture():
        witness.took("media/get")


def _try_product(wecom: WeCom, witness: Witness, name: str, now: datetime) -> None:
    albums, trial = wecom.albums, _Trial(witness, f"a product {name!r}")
    media_id = witness.tried(wecom.media.id_of, "image", f"{name}.png", picture(), now, "album")
    if media_id is None:
        return
    with trial.made(lambda: albums.add(name, 1, [media_id]), albums.delete) as product_id:
        trial.use(albums.get, product_id)
        trial.use(albums.update, product_id, name, 2, [media_id])


class _Trial:
    """One object: what it is called if it has to be looked for."""

    def __init__(self, witness: Witness, what: str) -> None:
        self._witness = witness
        self._step = f"look for {what} in the company and delete it there"
        self._is_there = False

    @contextmanager
    def made(self, make: Callable[[], str], remove: Callable[[str], None]) -> Iterator[str]:
        """An object that is deleted when the block ends, however it ends; where it was refused the id is empty."""
        number = self._make(make)
        try:
            yield number
        finally:
            if self._is_there:
                self._remove(lambda: remove(number))

    def use(self, call: Callable[Given, object], *args: Given.args, **kwargs: Given.kwargs) -> None:
        """Make a call about the object, if it is there."""
        if self._is_there:
            self._witness.tried(call, *args, **kwargs)

    def _make(self, make: Callable[[], str]) -> str:
        try:
            number = self._witness.tried(make)
        except ChannelUnavailable as error:
            raise ChannelUnavailable(error.problem, self._step, error.retry_after_s) from None
        if number is None and not self._witness.refused:
            raise ChannelUnavailable("WeCom made something for trial and does not say what", self._step)
        self._is_there = number is not None
        return number or ""

    def _remove(self, remove: Callable[[], None]) -> None:
        try:
            remove()
        except ChannelUnavailable as error:
            raise ChannelUnavailable(error.problem, self._step, error.retry_after_s) from None
        except QunflowError as error:
            raise ChannelRefused(f"WeCom made something and does not delete it: {error.problem}", self._step) from None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
