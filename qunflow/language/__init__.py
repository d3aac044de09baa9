"""
The language catalogue: every sentence of the product that people read, Chinese first, English beside it.

One file an area and language (``<area>.<lang>.yaml``); a key is ``<area>.<name>``. Copy that goes to members is not
here but in ``templates/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from qunflow.errors import ConfigurationError

LANGUAGES = ("zh", "en")
_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sentences of one language."""

    lang: str

    def text(self, key: str, **values: object) -> str:
        """
        The sentence for a key, its ``{placeholders}`` filled.

        Raises:
            ConfigurationError: the key does not exist, or a value for it is missing.
        """
        area, _, name = key.partition(".")
        try:
            return _sentences(area, self.lang)[name].format(**values)
        except KeyError as error:
            raise ConfigurationError(
                f"the text {key!r} or one of its values is missing ({error.args[0]}, language {self.lang})",
                f"add it to qunflow/language/{area}.{self.lang}.yaml",
            ) from error

    def has(self, key: str) -> bool:
        """Whether the catalogue holds a sentence for the key."""
        area, _, name = key.partition(".")
        return name in _sentences(area, self.lang)


@cache
def catalogue(lang: str = "zh") -> Catalogue:
    """The catalogue of a language. Raises: ConfigurationError for a language nobody wrote."""
    if lang not in LANGUAGES:
        raise ConfigurationError(f"unknown language {lang!r}", f"valid: {', '.join(LANGUAGES)}")
    return Catalogue(lang)


def areas() -> tuple[str, ...]:
    """The areas that have a Chinese file, sorted."""
    return tuple(sorted(path.name.removesuffix(".zh.yaml") for path in _FOLDER.glob("*.zh.yaml")))


def sentences(area: str, lang: str) -> Mapping[str, str]:
    """Every sentence of an area by its name inside the area; for tests and translators."""
    return dict(_sentences(area, lang))


@cache
def _sentences(area: str, lang: str) -> Mapping[str, str]:
    from ruamel.yaml import YAML

    path = _FOLDER / f"{area}.{lang}.yaml"
    if not path.is_file():
        return {}
    return dict(_flat(YAML(typ="safe", pure=True).load(path) or {}, ""))


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
