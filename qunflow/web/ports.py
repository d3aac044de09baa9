"""What the web needs from the house, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from fastapi import Request

from qunflow.clock import Clock
from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.delivery.notices import title_of
from qunflow.rendering.lint import BannedWord
from qunflow.settings.workspace import Workspace
from qunflow.store.engine import Store
from qunflow.store.exporting.ordering import Order
from qunflow.store.vault import Vault

# Writes a list within so many seconds; false when it cannot be had as asked. Raises TimeoutError.
Exporter: TypeAlias = Callable[[Order, float], bool]

_MADE_OF_ONE = ("correction", "by-hand")


class Words(Protocol):
    """A language catalogue: texts by key."""

    @property
    def lang(self) -> str:
        """``zh`` or ``en``."""

    def text(self, key: str, **values: object) -> str:
        """The text of a key with its blanks filled in."""


@dataclass(frozen=True, slots=True)
class WebPorts:
    """
    The parts of one workspace that the web touches.

    Args:
        crypto: opens WeCom callbacks; ``None`` while no callback is set up.
        hook_secret: the key form and order hooks are signed with; empty while there is none.
        web_url: the public address; with https the browser is told to stay there.
        banned_words: what the preview marks in a text.
        titles: what people call a slot, by its key in the outbox.
        exporter: writes lists in another process; ``None`` where there is none.
    """

    store: Store
    vault: Vault
    clock: Clock
    workspace: Workspace
    language: Words
    crypto: CallbackCrypto | None = field(repr=False, default=None)
    hook_secret: str = field(repr=False, default="")
    web_url: str = ""
    banned_words: Sequence[BannedWord] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    exporter: Exporter | None = None

    def title_of(self, slot_key: str) -> str:
        """What people call a slot, and that it is a correction of one or sent by hand instead."""
        title, made = title_of(self.titles, slot_key), slot_key.rpartition("/")[2]
        return title + self.language.text(f"desk.made.{made}") if made in _MADE_OF_ONE else title


def ports_of(request: Request) -> WebPorts:
    """The ports of the application a request belongs to."""
    ports: WebPorts = request.app.state.ports
    return ports
