"""Copy that somebody else wrote is tried out where it can do no harm."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.language import catalogue
from qunflow.rendering import Templates
from qunflow.rendering.review import review
from qunflow.rendering.trial import Trial
from qunflow.settings.paths import builtin_templates, template_paths
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace

# A child whose allow-list has failed: its "template" runs any Python.
BROKEN = """
import sys
from qunflow.rendering import trial_child
class Broken:
    def __init__(self, paths): pass
    def render(self, name, variables): return str(eval(variables["code"], {}))
trial_child.Templates = Broken
trial_child.main([])
"""


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    (tmp_path / "own.j2").write_text("今天 {{ item }}", encoding="utf-8")
    (tmp_path / "code.j2").write_text("{{ code }}", encoding="utf-8")
    return Templates([tmp_path, builtin_templates()])


@pytest.fixture
def trial(templates: Templates) -> Iterator[Trial]:
    with Trial(templates) as opened:
        yield opened


@pytest.fixture
def broken(templates: Templates) -> Iterator[Trial]:
    with Trial(templates, wall_s=30, command=[sys.executable, "-B", "-c", BROKEN]) as opened:
        yield opened


def child_of(trial: Trial) -> int:
    assert trial._child is not None
    return trial._child.pid


def test_the_text_is_the_one_that_will_be_sent(trial: Trial, templates: Templates) -> None:
    """The child says what this process would say, and serves more than one template."""
    for item in ("橘子", "@all\n", 5, 2.5):
        assert trial.render("own.j2", {"item": item}) == templates.render("own.j2", {"item": item})
        first = child_of(trial)
        assert trial.render("code.j2", {"code": item}) == templates.render("code.j2", {"code": item})
        assert child_of(trial) == first


def test_mistakes_are_told_as_if_it_had_been_here(trial: Trial, tmp_path: Path) -> None:
    """File, line, column and the likely name come through."""
    for variables in ({}, {"item": ""}, {"item": object()}, {"item": ["x"]}):
        with pytest.raises(ConfigurationError) as here:
            Templates([tmp_path]).render("own.j2", variables)
        with pytest.raises(ConfigurationError) as there:
            trial.render("own.j2", variables)
        assert there.value.args == here.value.args


def test_copy_that_comes_with_qunflow_needs_no_child(trial: Trial) -> None:
    """No process is started for words that were tested with the program."""
    name = next(one for one in Templates([builtin_templates()]).names() if not trial._templates.variables(one))
    assert trial.render(name, {})
    assert trial._child is None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("[0] * 10**9", "took more memory than copy may"),
        ("'x' * 10**9", "took more memory than copy may"),
        ("__import__('os')._exit(7)", r"ended its process \(7\)"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", r"ended its process \(-9\)"),
    ],
)
def test_what_breaks_its_process_breaks_no_other(broken: Trial, tmp_path: Path, code: str, says: str) -> None:
    """The error names the template, and the next one is tried in a fresh child."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        broken.render("code.j2", {"code": code})
    assert caught.value.place is not None and caught.value.place.file == str(tmp_path / "code.j2")
    assert broken.render("code.j2", {"code": "1"}) == "1"


def test_what_computes_for_ever_is_ended_by_the_system(broken: Trial) -> None:
    """Processor time is limited for each template, not for all of them together."""
    assert broken.render("code.j2", {"code": "sum(range(10**6))"})
    with pytest.raises(ConfigurationError, match="computed for longer than copy may"):
        broken.render("code.j2", {"code": "sum(iter(int, 1))"})


def test_what_sleeps_for_ever_is_killed_by_the_clock(templates: Templates) -> None:
    """A child that neither computes nor answers is not waited for."""
    with Trial(templates, wall_s=0.2, command=[sys.executable, "-c", "import time; time.sleep(60)"]) as trial:
        with pytest.raises(ConfigurationError, match=r"took more than 0\.2 s"):
            trial.render("own.j2", {"item": "x"})
        assert trial._child is None


@pytest.mark.parametrize(
    "code",
    [
        "open('{folder}/written', 'w').write('x' * 9)",
        "__import__('subprocess').run(['/bin/touch', '{folder}/written'])",
    ],
)
def test_the_child_leaves_nothing_behind(broken: Trial, tmp_path: Path, code: str) -> None:
    """Even with the allow-list gone no file is filled: not by the child, nor by a program that root may still start."""
    with pytest.raises(ConfigurationError):
        broken.render("code.j2", {"code": f"({code.format(folder=tmp_path)}, 1 / 0)"})
    written = tmp_path / "written"
    assert not written.exists() or written.stat().st_size == 0


def test_the_child_knows_no_secret(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment but where programs lie is handed on."""
    monkeypatch.setenv("QUNFLOW_MASTER_KEY", "canary")
    with Trial(templates, command=[sys.executable, "-B", "-c", BROKEN]) as trial:
        names = trial.render("code.j2", {"code": "sorted(__import__('os').environ)"})
    assert "QUNFLOW" not in names


def test_the_child_ends_with_its_trial(templates: Templates) -> None:
    """No process stays behind."""
    with Trial(templates) as trial:
        trial.render("own.j2", {"item": "x"})
        pid = child_of(trial)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_check_of_a_workspace_tries_its_own_copy_in_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qunflow check` finds a template that misbehaves, and names it."""
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    own = directory / "templates" / "daily_content" / "flash_sale.j2"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_bytes((builtin_templates() / "daily_content" / "flash_sale.j2").read_bytes())
    found = Templates(template_paths(directory))
    tried = []
    monkeypatch.setattr(Trial, "_asked", lambda self, path, question: tried.append(path) or {"text": "好"})
    texts = [one.text for one in review(load_workspace(directory), found, date(2026, 3, 2), catalogue("zh"))]
    assert set(tried) == {own} and "好" in texts


def test_a_trial_is_quick_enough_to_be_made_for_each_slot(trial: Trial) -> None:
    """One child serves a whole check: a hundred templates cost no hundred processes."""
    started = time.process_time()
    for _ in range(100):
        trial.render("own.j2", {"item": "橘子"})
    assert time.process_time() - started < 1
