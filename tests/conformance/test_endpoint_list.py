"""The list of calls, what the sandbox serves of it, and the coverage page made from both."""

from __future__ import annotations

from pathlib import Path

import pytest

from qunflow.sandbox.areas import TABLE
from tests.conformance.ground import Ground
from tests.coverage_table import MISSING, PAGE, BadMark, Listed, Proof, current, listed, page, proofs

CALL = Listed("Tags", "POST", "externalcontact/add_corp_tag", "5.2")


def test_the_list_names_each_call_once() -> None:
    """Ninety calls, no two alike, each with a method and the section it comes from."""
    calls = listed()
    assert len({call.path for call in calls}) == len(calls) == 90
    assert {call.method for call in calls} == {"GET", "POST"}
    assert all(call.section and call.area for call in calls)


def test_a_listed_call_is_in_the_routing_table_exactly_when_it_is_served(ground: Ground) -> None:
    """By GET and by POST alike: what the table declares answers with an error code, anything else is HTTP 404."""
    for call in listed():
        for method in ("GET", "POST"):
            answer = ground.http.request(method, f"/cgi-bin/{call.path}")
            assert answer.status_code == (200 if call.path in TABLE else 404), f"{method} {call.path}"
            assert ("Error-Code" in answer.headers) == (call.path in TABLE), f"{method} {call.path}"


def test_the_committed_page_is_the_one_made_now() -> None:
    """Nobody edits it by hand or forgets it; ``python -m tests.coverage_table`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == current(), "run: .venv/bin/python -m tests.coverage_table"


def test_every_listed_call_is_served_and_proven_three_ways() -> None:
    """A success, a read-back and a refusal for each of the ninety."""
    assert [call.path for call in listed() if call.path not in TABLE] == []
    assert MISSING not in page(listed(), proofs(), [call.path for call in listed()])


def test_the_page_tells_what_is_missing() -> None:
    """A call without proof is shown as missing, one proven twice names the first."""
    twice = [
        Proof(CALL.path, "success", "tests/integration/test_x.py", f"test_tags_{name}") for name in ("add", "more")
    ]
    made = page([CALL], twice, [CALL.path])
    assert "1 calls are listed, 1 of them are served, 0 have all three proofs." in made
    cells = "yes | [tags_add](../../tests/integration/test_x.py) | **missing** | **missing** |"
    assert f"| POST `{CALL.path}` | {cells}" in made
    assert f"| POST `{CALL.path}` | no | **missing** | **missing** | **missing** |" in page([CALL], [], [])
    assert "## Served beyond the list" in page([CALL], [], [CALL.path, "media/get_upload_by_url_result"])


def test_marks_are_read_where_they_stand(tmp_path: Path) -> None:
    """Each mark of a test becomes a proof with the file's and the test's name."""
    written(tmp_path, '@pytest.mark.covers("a/b", "success")\n@pytest.mark.covers("a/b", "refusal")\ndef test_x(): ...')
    found = [(proof.path, proof.how, proof.test) for proof in proofs(tmp_path)]
    assert found == [("a/b", "success", "test_x"), ("a/b", "refusal", "test_x")]


@pytest.mark.parametrize(
    "text",
    [
        '@pytest.mark.covers("a/b", "succes")\ndef test_x(): ...',
        '@pytest.mark.covers("a/b")\ndef test_x(): ...',
        '@pytest.mark.covers(path, "success")\ndef test_x(): ...',
        'pytestmark = pytest.mark.covers("a/b", "success")',
        '@pytest.mark.covers("a/b", "success")\ndef helper(): ...',
    ],
)
def test_a_mark_that_proves_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """A misspelt kind, a computed path or a mark away from a test would make the page lie."""
    written(tmp_path, text)
    with pytest.raises(BadMark, match=r"test_some\.py:1"):
        list(proofs(tmp_path))


def written(folder: Path, text: str) -> None:
    """A test file with this text."""
    (folder / "test_some.py").write_text(text, encoding="utf-8")
