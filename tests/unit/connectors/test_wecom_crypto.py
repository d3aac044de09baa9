"""The callback encryption against published vectors, and against everything that must be refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.errors import BadInput, ConfigurationError

ONE = CallbackCrypto("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
FOUR = CallbackCrypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
ECHO = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="
TEXT_MESSAGE = (
    "<xml>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[test]]></Content>\n"
    "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n<ToUserName><![CDATA[messense]]></ToUserName>\n"
    "<AgentID>1</AgentID>\n<CreateTime>1411525903</CreateTime>\n</xml>"
)
HELLO = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3"
    "TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gs"
    "ijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUa"
    "x5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIG"
    "HBZZIs2pDBS8R07+qN+E7Q=="
)
ADDED = (
    "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
    "<CreateTime>1403610513</CreateTime><MsgType><![CDATA[event]]></MsgType>"
    "<Event><![CDATA[change_external_contact]]></Event><ChangeType><![CDATA[add_external_contact]]></ChangeType>"
    "<UserID><![CDATA[zhangsan]]></UserID><ExternalUserID><![CDATA[woAJ2GCAAA_test]]></ExternalUserID>"
    "<State><![CDATA[teststate]]></State><WelcomeCode><![CDATA[WELCOMECODE]]></WelcomeCode></xml>"
)


def test_v1_the_echo_of_a_url_check_opens() -> None:
    """Vector V1: signature and echo text are the published ones."""
    assert ONE.signature("1411443780", "437374425", ECHO) == "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96"
    opened = ONE.open("dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "1411443780", "437374425", ECHO)
    assert opened == b"5927782489442352469"


def test_v1_another_nonce_is_refused() -> None:
    """Vector V1 with the nonce one off must fail."""
    with pytest.raises(BadInput):
        ONE.open("dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "1411443780", "437374424", ECHO)


def test_v2_sealing_gives_the_published_cipher_text() -> None:
    """Vector V2: the fixed prefix gives exactly the published body and signature."""
    sealed = ONE.seal(TEXT_MESSAGE.encode(), b"1234567890123456")
    assert len(sealed) == 384
    assert sealed.startswith("9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4h")
    assert sealed.endswith("XeFYFMNMpatF9XiKzHo3")
    assert ONE.signature("1411525903", "461056294", sealed) == "407518b7649e86ef23978113f92d27afa9296533"


def test_v4_a_text_message_opens() -> None:
    """Vector V4: the message of the developer centre's sample comes out."""
    opened = FOUR.open("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149", HELLO).decode()
    assert "hello" in opened
    assert "4561255354251345929" in opened
    assert "218" in opened


def test_v5_an_added_contact_event_is_sealed_and_opens_again() -> None:
    """Vector V5: our own event with a fixed prefix has the signature Tencent's package computed."""
    sealed = FOUR.seal(ADDED.encode(), b"abcdefghijklmnop")
    assert len(ADDED.encode()) == 471
    assert sealed.startswith("7ho9XWI/HTOA1L6oduAxX8vaBqGhc7RIuYfWfSLQYE6SAttll1sA5oFrkLeQIDI0")
    assert sealed.endswith("HE8o5EClEw5j6eCnY0Hd11AU=")
    assert FOUR.signature("1700000000", "1234567890", sealed) == "29cb16ee6607aff91416147048d5d5500731142f"
    opened = FOUR.open("29cb16ee6607aff91416147048d5d5500731142f", "1700000000", "1234567890", sealed)
    assert opened.decode() == ADDED


def test_v6_a_signature_alone_matches() -> None:
    """Vector V6: the signature needs no key."""
    crypto = CallbackCrypto("kjr2TKI8umCBfVF3wAHk8JiPwma5VBme", FOUR.aes_key, "any")
    echo = "6KmUQuPVu7UhjyVqRdbo5SfcRqaHvbUlKSHFvBV2ZuR6TIlKsygcfeSd1GDplg1C5KSKr6UPHCaC/nIX3ZNt9w=="
    assert crypto.signature("1583940690", "VHh7ymSeb0jc4lSb", echo) == "1ba3cb09c0d2c2b3ed6900d37f91a6efae6cb011"


def _vectors() -> dict[str, Any]:
    folder = Path(os.environ.get("QUNFLOW_DATA_DIR") or Path(__file__).parents[4] / "shared" / "data")
    file = folder / "wecom_crypto_vectors.json"
    if not file.exists():
        pytest.skip(f"needs {file.name}: set QUNFLOW_DATA_DIR")
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def test_every_vector_of_the_data_folder_holds() -> None:
    """All collected vectors open, seal or fail as they say."""
    data = _vectors()
    crypto = CallbackCrypto(data["token"], data["encoding_aes_key"], data["receive_id"])
    for vector in data["vectors"]:
        signed = (vector["signature"], vector["timestamp"], vector["nonce"], vector["cipher"])
        if vector["kind"].endswith("must_fail"):
            with pytest.raises(BadInput):
                crypto.open(*signed)
            continue
        assert crypto.open(*signed).decode() == vector["plain"]
        if "random16" in vector:
            assert crypto.seal(vector["plain"].encode(), vector["random16"].encode()) == vector["cipher"]


def test_each_single_changed_character_is_refused() -> None:
    """No character of signature, time, nonce or body can be changed unnoticed."""
    signed = ["dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "1411443780", "437374425", ECHO]
    for place, part in enumerate(signed):
        for at in range(len(part)):
            changed = list(signed)
            changed[place] = part[:at] + ("A" if part[at] != "A" else "B") + part[at + 1 :]
            with pytest.raises(BadInput):
                ONE.open(*changed)


@pytest.mark.parametrize(
    "sealed",
    ["", "!!!", "QUJD", "QUJDREVGR0hJSktMTU5PUA==", "中文", FOUR.seal(b"x"), ECHO[:-4]],
    ids=["empty", "not base64", "not a block", "garbage block", "not ascii", "other key", "cut"],
)
def test_signed_garbage_is_refused_with_one_kind_of_error(sealed: str) -> None:
    """Rightly signed rubbish raises the same error as a wrong signature: nothing can be learnt from it."""
    with pytest.raises(BadInput) as refused:
        ONE.open(ONE.signature("1", "2", sealed), "1", "2", sealed)
    assert refused.value.problem == "a WeCom callback could not be verified"


def test_a_message_for_another_corp_is_refused() -> None:
    """The same key with another receiver does not open."""
    other = CallbackCrypto(ONE.token, ONE.aes_key, "wx0000000000000000")
    sealed = other.seal(b"hello")
    with pytest.raises(BadInput):
        ONE.open(ONE.signature("1", "2", sealed), "1", "2", sealed)


def test_two_seals_of_one_message_differ() -> None:
    """The random prefix is fresh each time, and an empty message survives the round trip."""
    first, second = ONE.seal(b""), ONE.seal(b"")
    assert first != second
    assert ONE.open(ONE.signature("1", "2", first), "1", "2", first) == b""


def test_a_short_key_is_a_configuration_error() -> None:
    """The variable to mend is named, the key is not shown."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_CALLBACK_AES_KEY") as wrong:
        CallbackCrypto("t", "tooshort", "wx")
    assert "tooshort" not in str(wrong.value)


def test_secrets_do_not_show_in_the_representation() -> None:
    """Neither token nor key can reach a log through ``repr``."""
    assert ONE.token not in repr(ONE)
    assert ONE.aes_key not in repr(ONE)
