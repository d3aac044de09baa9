"""Product albums over real HTTP: added with pictures of their own pool, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.sandbox_caller import Caller, calling


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def picture(sandbox: Caller) -> dict[str, Any]:
    """A picture for albums, as an attachment."""
    media_id = sandbox.upload("upload_attachment", media_type="image", attachment_type=2)
    return {"type": "image", "image": {"media_id": media_id}}


def product(sandbox: Caller, **changes: Any) -> dict[str, Any]:
    """The settings of a product."""
    oranges = {"description": "砂糖橘 5 斤装", "price": 2_990, "product_sn": "ORANGE5"}
    return {**oranges, "attachments": [picture(sandbox)], **changes}


def make(sandbox: Caller, **changes: Any) -> str:
    """The id of a new product."""
    answer = sandbox.call("add_product_album", **product(sandbox, **changes))
    assert answer["errcode"] == 0, answer
    return str(answer["product_id"])


def shown(sandbox: Caller, product_id: str) -> dict[str, Any]:
    """A product."""
    found: dict[str, Any] = sandbox.call("get_product_album", product_id=product_id)["product"]
    return found


@pytest.mark.covers("externalcontact/add_product_album", "success")
@pytest.mark.covers("externalcontact/add_product_album", "read_back")
@pytest.mark.covers("externalcontact/get_product_album", "success")
@pytest.mark.covers("externalcontact/get_product_album", "read_back")
def test_albums_add_product_album_succeeds_and_reads_back(sandbox: Caller) -> None:
    """All that was written is read, with the time it was made."""
    given = product(sandbox)
    made = sandbox.call("add_product_album", **given)["product_id"]
    found = shown(sandbox, made)
    assert {name: found[name] for name in given} == given
    assert found["product_id"] == made
    assert found["create_time"] > 0


@pytest.mark.covers("externalcontact/add_product_album", "refusal")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"description": ""}, 41087),
        ({"description": "长" * 301}, 41087),
        ({"price": None}, 41086),
        ({"price": -1}, 41086),
        ({"price": 5_000_001}, 41086),
        ({"product_sn": "橘子"}, 41085),
        ({"product_sn": "A-1"}, 41085),
        ({"product_sn": "A" * 129}, 41085),
        ({"attachments": []}, 41088),
        ({"attachments": [{"type": "video", "video": {}}]}, 41065),
        ({"attachments": [{"type": "image", "image": {"media_id": "no"}}]}, 40007),
    ],
)
def test_albums_add_product_album_refuses(sandbox: Caller, change: dict[str, Any], code: int) -> None:
    """Each mistake has its own code, and nothing is made."""
    assert sandbox.code("add_product_album", **product(sandbox, **change)) == code
    assert sandbox.call("get_product_album_list")["product_list"] == []


def test_albums_add_product_album_refuses_pictures_of_other_pools_and_too_many(sandbox: Caller) -> None:
    """A picture for messages or for moments is none for albums; ten are too many; one lives three days."""
    others = {
        sandbox.upload(type="image"): 40007,
        sandbox.upload("upload_attachment", media_type="image", attachment_type=1): 41072,
    }
    for media_id, code in others.items():
        attachment = {"type": "image", "image": {"media_id": media_id}}
        assert sandbox.code("add_product_album", **product(sandbox, attachments=[attachment])) == code
    one = picture(sandbox)
    assert sandbox.code("add_product_album", **product(sandbox, attachments=[one] * 10)) == 41064
    assert sandbox.code("add_product_album", **product(sandbox, attachments=[one] * 9)) == 0
    sandbox.wait(3 * 86_400)
    sandbox.renew()
    assert sandbox.code("add_product_album", **product(sandbox, attachments=[one])) == 40007


@pytest.mark.covers("externalcontact/get_product_album_list", "success")
@pytest.mark.covers("externalcontact/get_product_album_list", "read_back")
@pytest.mark.covers("externalcontact/get_product_album_list", "refusal")
def test_albums_get_product_album_list_succeeds_in_pages(sandbox: Caller) -> None:
    """Pages hold every living product once; over 100 a page and alien cursors are refused."""
    made = [make(sandbox) for _ in range(4)]
    sandbox.call("delete_product_album", product_id=made.pop())
    first = sandbox.call("get_product_album_list", limit=2)
    rest = sandbox.call("get_product_album_list", limit=2, cursor=first["next_cursor"])
    rows = first["product_list"] + rest["product_list"]
    assert rows == [shown(sandbox, product_id) for product_id in made]
    assert rest["next_cursor"] == ""
    assert sandbox.code("get_product_album_list", limit=101) == 40058
    assert sandbox.code("get_product_album_list", cursor="zzz") == 50100


@pytest.mark.covers("externalcontact/update_product_album", "success")
@pytest.mark.covers("externalcontact/update_product_album", "read_back")
def test_albums_update_product_album_succeeds_on_what_is_named(sandbox: Caller) -> None:
    """What is left out stays as it was."""
    made = make(sandbox)
    before = shown(sandbox, made)
    assert sandbox.code("update_product_album", product_id=made, price=1_990, product_sn="") == 0
    assert shown(sandbox, made) == {**before, "price": 1_990, "product_sn": ""}
    other = [picture(sandbox)]
    assert sandbox.code("update_product_album", product_id=made, attachments=other, description="橘子") == 0
    assert shown(sandbox, made) == {
        **before, "price": 1_990, "product_sn": "", "attachments": other, "description": "橘子",
    }  # fmt: skip


@pytest.mark.covers("externalcontact/update_product_album", "refusal")
def test_albums_update_product_album_refuses_what_add_refuses(sandbox: Caller) -> None:
    """The rules are those of adding one; a refused change changes nothing."""
    made = make(sandbox)
    before = shown(sandbox, made)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"description": ""}, 41087),
        ({"description": "长" * 301}, 41087),
        ({"price": -1}, 41086),
        ({"product_sn": "A-1"}, 41085),
        ({"attachments": []}, 41088),
    ]
    for change, code in cases:
        assert sandbox.code("update_product_album", product_id=made, **change) == code, change
    assert sandbox.code("update_product_album", product_id="pdNo", price=1) == 41075
    assert shown(sandbox, made) == before


@pytest.mark.covers("externalcontact/delete_product_album", "success")
@pytest.mark.covers("externalcontact/delete_product_album", "read_back")
@pytest.mark.covers("externalcontact/delete_product_album", "refusal")
@pytest.mark.covers("externalcontact/get_product_album", "refusal")
def test_albums_delete_product_album_succeeds_once(sandbox: Caller) -> None:
    """A deleted product is 41074 for every call, one that never was 41075."""
    made = make(sandbox)
    assert sandbox.code("delete_product_album", product_id=made) == 0
    for name in ("get_product_album", "update_product_album", "delete_product_album"):
        assert sandbox.code(name, product_id=made) == 41074
        assert sandbox.code(name, product_id="pdNo") == 41075
        assert sandbox.code(name) == 41075
    assert sandbox.call("get_product_album_list")["product_list"] == []
