"""What delivery needs from outside: state, persons' ids, a platform, the time, other workers, and hands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection

from qunflow.clock import Clock
from qunflow.connectors.channel import Channel
from qunflow.connectors.wecom.client import WeCom
from qunflow.rendering.templates import Templates
from qunflow.settings.paths import builtin_templates
from qunflow.settings.workspace import Workspace
from qunflow.store.engine import Store
from qunflow.store.vault import Vault

PARALLEL = 8
Item = TypeVar("Item")
Result = TypeVar("Result")


class Liveness(Protocol):
    """Tells workers that are gone from those that are only slow."""

    def working(self) -> AbstractContextManager[str]:
        """Be a live worker inside the block; gives the name for the intents it writes down."""

    def beat(self, worker: str) -> bool:
        """Say that one is alive, before each handful of calls; False when others have taken one for dead."""

    def dead(self, conn: Connection, workers: Collection[str]) -> set[str]:
        """Those among ``workers`` that will never make another call; one that is not known is dead."""


class CarryOut(Protocol):
    """Does a handful of things, perhaps side by side, and gives their results in order once all are done."""

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item], /) -> list[Result]:
        """Do ``work`` with each item."""


@contextmanager
def in_threads() -> Iterator[CarryOut]:
    """Hands for one round; the block ends only when the last call has ended, however it is left."""
    with ThreadPoolExecutor(PARALLEL) as pool:

        def carry_out(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
            return list(pool.map(work, items))

        yield carry_out


@dataclass(frozen=True, slots=True)
class Ports:
    """
    Everything a round of sending touches.

    Args:
        liveness: who else is sending just now; see ``workers``.
        web_url: public address of Qunflow's own pages, for the links on hand-send cards.
        lang: the language of cards for staff.
        outside: channels beside WeCom's application: ``mail``, and ``robot:…`` and ``longtail:…`` by their keys.
        carry_out: makes the hands that carry out calls.
        templates: what is said to staff, in the folder ``delivery``.
        titles: reads what people call a slot, by its key in the outbox.
    """

    store: Store
    vault: Vault
    wecom: WeCom
    clock: Clock
    workspace: Workspace
    liveness: Liveness
    web_url: str
    lang: Literal["zh", "en"] = "zh"
    outside: Mapping[str, Channel] = field(default_factory=dict)
    carry_out: Callable[[], AbstractContextManager[CarryOut]] = in_threads
    templates: Templates = field(default_factory=lambda: Templates([builtin_templates()]))
    titles: Callable[[], Mapping[str, str]] = dict
