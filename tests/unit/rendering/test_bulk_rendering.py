"""
Many rows of one template: the texts of row-by-row rendering, each distinct one made once.

QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates, bulk
from qunflow.rendering.written import Written

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"

COPIES = {
    "plain.j2": "{{ nickname }}你好，{{ item }} 今天 {{ price }} 元。100% 新鲜",
    "edges.j2": "\n  {{ nickname }}{{ item }}\n\n",
    "twice.j2": "{{ item }}、{{ item }}，{{ nickname }}",
    "branch.j2": "{% if left < 5 %}{{ nickname }}，只剩 {{ left }}{% else %}还有{{ item }}{% endif %}",
    "optional.j2": "{{ item }}{% if coupon is defined %}，券 {{ coupon }} 元{% endif %}",
    "asked.j2": "{% if coupon is defined %}{{ item }}{% if price is defined %}{{ price }}{% endif %}{% endif %}晚安",
    "unreached.j2": "{% if left < 5 %}{{ nickname }}{% if price == 1 %}{{ item }}{% endif %}{% endif %}早",
    "loop.j2": "{% for rule in rules %}{{ loop.index }}. {{ rule }} {{ nickname }}\n{% endfor %}",
    "shadow.j2": "{% for item in rules %}{{ item }}{% endfor %}{{ price }}",
    "filters.j2": "{{ fen|yuan }} 元，{{ rules|join('、') }}，{{ nickname }}",
    "mention.j2": "@所有人 欢迎 @{{ nickname }} 和 {{ item }}所有人",
    "still.j2": "大家晚安",
    "robot.md.j2": "**{{ item }}** {{ nickname }}",
    "long.j2": "{{ nickname }}" + "字" * 4_000 + "{{ item }}" * 9,
}
TEXTS = st.one_of(
    st.sampled_from(
        [
            "小满",
            "橘子 5 斤",
            "@all",
            "所有人",
            "@",
            "**粗**",
            "%s %d 100%",
            "\ue001\ue100",
            "",
            " ",
            "\u200b",
            "x" * 2_500,
        ]
    ),
    st.text(max_size=8),
)
NUMBERS = st.one_of(st.integers(-3, 9), st.floats(-1, 9), st.sampled_from([1, 1.0, True, False, 0, -0.0, 10**16]))
ODD = st.sampled_from([None, object(), b"x", [], {}, [1], float("nan"), float("inf")])
ANY = st.one_of(TEXTS, NUMBERS, ODD)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "nickname": ANY,
            "item": ANY,
            "price": ANY,
            "left": st.one_of(NUMBERS, ODD),
            "coupon": ANY,
            "fen": NUMBERS,
            "rules": st.one_of(st.lists(st.one_of(TEXTS, NUMBERS), max_size=3), ODD),
            "unread": ANY,
        },
    ),
    max_size=8,
)
WHOLE = {"nickname": "小满", "item": "橘子", "price": "29.9", "left": 3, "fen": 2990, "rules": ["不发广告"]}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    folder = tmp_path_factory.mktemp("copy")
    for name, text in COPIES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Templates([folder])


def told(rendered: str | ConfigurationError) -> str:
    """A text, or the whole of an error, so that two can be compared."""
    return repr(rendered.args) if isinstance(rendered, ConfigurationError) else f"text: {rendered}"


def one_by_one(templates: Templates, name: str, row: dict[str, Any]) -> str:
    try:
        return told(templates.render(name, row))
    except ConfigurationError as error:
        return told(error)


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.soak
@settings(max_examples=2_000 if SOAK else 25, deadline=None, derandomize=not SOAK)
@given(rows=ROWS)
def test_a_row_reads_the_same_alone_and_among_many(templates: Templates, name: str, rows: list[dict[str, Any]]) -> None:
    """Whatever the values, the text or the error of each row is the one it would have by itself."""
    # Whole rows between the odd ones, and each twice, so that both the kept and the new texts are compared.
    many = [{**WHOLE, **row} for row in rows] + rows + [WHOLE]
    found = [told(one) for one in templates.render_many(name, [*many, *many])]
    alone = [one_by_one(templates, name, row) for row in many]
    assert found == alone + alone


def test_equal_rows_and_rows_that_differ_in_what_is_not_read_are_made_once(
    templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run of the template for a whole group, whatever else is known of its members."""
    runs: list[str] = []
    monkeypatch.setattr(Written, "raw", _counted(Written.raw, runs))
    rows = [WHOLE | {"left": 9, "unread": number} for number in range(500)]
    assert set(templates.render_many("branch.j2", rows)) == {"还有橘子"}
    assert len(runs) == 1


def test_personal_rows_run_the_template_once(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is only written out is put into its place; the template is not run for it again."""
    runs: list[str] = []
    monkeypatch.setattr(Written, "raw", _counted(Written.raw, runs))
    texts = list(templates.render_many("plain.j2", [WHOLE | {"nickname": f"群友{n}"} for n in range(500)]))
    assert texts[499] == "群友499你好，橘子 今天 29.9 元。100% 新鲜"
    assert len(set(texts)) == 500 and len(runs) == 1


def _counted(raw: Any, runs: list[str]) -> Any:
    def counting(self: Written, values: Any) -> Any:
        runs.append(self.path.name)
        return raw(self, values)

    return counting


def test_numbers_that_are_equal_and_read_differently_stay_apart(templates: Templates) -> None:
    """1, 1.0 and yes are equal for Python and not for a reader."""
    rows = [WHOLE | {"price": price} for price in (1, 1.0, True, 1)]
    first, second, third, fourth = templates.render_many("plain.j2", rows)
    assert first == fourth == "小满你好，橘子 今天 1 元。100% 新鲜"
    assert second == "小满你好，橘子 今天 1.0 元。100% 新鲜"
    assert isinstance(third, ConfigurationError)


def test_a_poisoned_row_stops_no_other(templates: Templates) -> None:
    """What is wrong with one person's values stands in that person's place."""
    rows = [WHOLE, WHOLE | {"nickname": object()}, {"nickname": "小满"}, WHOLE]
    good, odd, missing, last = templates.render_many("plain.j2", rows)
    assert good == last and isinstance(good, str)
    assert "which no template may see" in str(odd)
    assert isinstance(missing, ConfigurationError) and "'item' is not given" in missing.problem
    assert missing.place is not None and missing.place.line == 1


def test_a_broken_template_is_told_before_the_first_row(tmp_path: Path) -> None:
    """Nobody gets half a mailing because of the copy."""
    (tmp_path / "a.j2").write_text("{{ x() }}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"a\.j2:1:1: refused"):
        Templates([tmp_path]).render_many("a.j2", [])


def test_what_is_kept_has_an_end(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A season of personal texts does not fill the memory, and forgetting changes nothing."""
    monkeypatch.setattr(bulk, "_MOST_KEPT", 3)
    rows = [WHOLE | {"nickname": f"群友{n % 7}", "left": n % 5} for n in range(60)]
    running = bulk.Bulk(templates._get("branch.j2"))
    texts = list(running.texts(rows))
    assert texts == [templates.render("branch.j2", row) for row in rows]
    assert len(running._texts) <= 3 and len(running._shapes) <= 3
