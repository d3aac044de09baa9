"""One upload for all: several processes over a real sandbox, expiry ahead of three days, a damaged file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import ChannelUnavailable, PermanentError
from tests.integration.connected import connected, now
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, PICTURE, SECRET

WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from qunflow.connectors.wecom.client import WeCom

base, corp, secret, file, picture = sys.argv[1:]
wecom = WeCom(base, corp, secret, 1, production=False, media_file=Path(file))
print("ready", flush=True)
for line in sys.stdin:
    at, _, text = line.strip().partition(" ")
    content = bytes.fromhex(picture) + text.encode()
    print(wecom.media.id_of("image", "a.png", content, datetime.fromisoformat(at)), flush=True)
wecom.close()
"""


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox that counts uploads, slow enough for processes to meet."""
    with anywhere() as found:
        slow = [{"path": "media/upload", "mode": "slow", "seconds": 0.03}]
        assert found.http.post("/_sandbox/faults", json=slow).status_code == 200
        yield found


def uploaded(caller: Anywhere) -> int:
    """How often a file came."""
    return int(caller.http.get("/_sandbox/faults").json()["plan"][0]["asked"])


def an_id(caller: Anywhere, wecom: WeCom, content: bytes = PICTURE) -> str:
    """The media id of a picture, now."""
    return wecom.media.id_of("image", "a.png", content, now(caller))


def test_four_processes_upload_each_content_once(caller: Anywhere, tmp_path: Path) -> None:
    """Side by side they get the same id of the same picture, and another one of another."""
    file = tmp_path / "state" / "uploads.json"
    asked = [sys.executable, "-c", WORKER, str(caller.http.base_url), CORP, SECRET, str(file), PICTURE.hex()]
    workers = [subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        assert [worker.stdout.readline() for worker in workers if worker.stdout] == ["ready\n"] * 4
        at = now(caller).isoformat()
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("".join(f"{at} {text}\n" for text in "abcab"))
            worker.stdin.flush()
        told = [[worker.stdout.readline() for _ in range(5)] for worker in workers if worker.stdout]
    finally:
        for worker in workers:
            worker.communicate(timeout=10)
    assert told == [told[0]] * 4
    assert (told[0][:2], len(set(told[0]))) == (told[0][3:], 3)
    assert uploaded(caller) == 3
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_next_process_uploads_again_only_when_the_end_is_near(caller: Anywhere, tmp_path: Path) -> None:
    """An id is taken over for sixty hours, then replaced, twelve hours before it would end."""
    file, ids = tmp_path / "uploads.json", []
    for hours in (0, 59, 1, 59):
        caller.wait(hours * 3_600)
        with connected(caller, media_file=file) as wecom:
            ids.append(an_id(caller, wecom))
            assert wecom.media.get(ids[-1]) == PICTURE
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert uploaded(caller) == 2


def test_what_is_forgotten_by_the_platform_leaves_the_file(caller: Anywhere, tmp_path: Path) -> None:
    """The file holds what is of use and nothing else, whatever comes over the years."""
    file = tmp_path / "uploads.json"
    with connected(caller, media_file=file) as wecom:
        old = an_id(caller, wecom)
        caller.wait(60 * 3_600)
        fresh = an_id(caller, wecom, PICTURE + b"2")
    text = file.read_text()
    assert (old in text, fresh in text) == (False, True)


def test_an_upload_that_failed_is_not_remembered(caller: Anywhere, tmp_path: Path) -> None:
    """The next caller tries again."""
    file = tmp_path / "uploads.json"
    with connected(caller, media_file=file) as wecom:
        fault = [{"path": "media/upload", "mode": "html", "times": 1}]
        caller.http.post("/_sandbox/faults", json=fault).raise_for_status()
        with pytest.raises(ChannelUnavailable):
            an_id(caller, wecom)
        assert wecom.media.get(an_id(caller, wecom)) == PICTURE


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"owner": 1}', b"\xff\x00"], ids=["empty", "cut", "list", "other", "binary"]
)
def test_a_damaged_or_alien_file_counts_as_empty(caller: Anywhere, tmp_path: Path, damage: bytes) -> None:
    """A crash while writing costs one upload."""
    file = tmp_path / "uploads.json"
    file.write_bytes(damage)
    with connected(caller, media_file=file) as wecom:
        assert an_id(caller, wecom) == an_id(caller, wecom)
    assert uploaded(caller) == 1


def test_the_uploads_of_another_platform_are_not_ours(caller: Anywhere, tmp_path: Path) -> None:
    """A workspace that moves from one sandbox to another uploads anew; so does one whose clock was set back."""
    file = tmp_path / "uploads.json"
    with connected(caller, media_file=file) as wecom:
        first = wecom.media.id_of("image", "a.png", PICTURE, now(caller) + timedelta(days=9))
        assert an_id(caller, wecom) != first
    with anywhere() as other, connected(other, media_file=file) as wecom:
        assert wecom.media.get(an_id(other, wecom)) == PICTURE


def test_a_place_for_uploads_that_cannot_be_written_is_named(caller: Anywhere, tmp_path: Path) -> None:
    """The operator learns which file it is about, and nothing was uploaded."""
    with connected(caller, media_file=tmp_path) as wecom, pytest.raises(PermanentError, match=str(tmp_path)):
        an_id(caller, wecom)
    assert uploaded(caller) == 0
