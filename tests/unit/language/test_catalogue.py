"""The language catalogue is complete in both languages."""

from __future__ import annotations

from string import Formatter

import pytest

from qunflow.errors import ConfigurationError
from qunflow.language import areas, catalogue, sentences


@pytest.mark.parametrize("area", areas())
def test_every_sentence_exists_in_both_languages(area: str) -> None:
    """Nobody meets a key where a sentence should be."""
    assert set(sentences(area, "zh")) == set(sentences(area, "en"))


@pytest.mark.parametrize("area", areas())
def test_both_languages_fill_the_same_placeholders(area: str) -> None:
    """A value given for one language is understood by the other."""
    chinese, english = sentences(area, "zh"), sentences(area, "en")
    differing = [name for name in chinese if _placeholders(chinese[name]) != _placeholders(english[name])]
    assert differing == []


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_a_sentence_is_filled() -> None:
    """A key gives its sentence with the values in it."""
    assert catalogue("zh").text("cli.check.mistakes", count=3) == "3 处要改"
    assert catalogue("en").text("cli.check.mistakes", count=3) == "mistakes to correct: 3"


def test_a_missing_key_or_value_names_the_file() -> None:
    """Whoever forgot a sentence reads where it belongs."""
    with pytest.raises(ConfigurationError, match=r"cli\.zh\.yaml"):
        catalogue("zh").text("cli.nothing.here")
    with pytest.raises(ConfigurationError, match=r"'cli\.check\.mistakes'"):
        catalogue("zh").text("cli.check.mistakes")
    assert not catalogue("zh").has("cli.nothing.here")


def test_a_language_nobody_wrote_is_refused() -> None:
    """Only Chinese and English exist."""
    with pytest.raises(ConfigurationError, match="valid: zh, en"):
        catalogue("fr")
