"""What delivery needs from outside: state, persons' ids, a platform, the time and the workspace's settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qunflow.clock import Clock
from qunflow.connectors.wecom.client import WeCom
from qunflow.settings.workspace import Workspace
from qunflow.store.engine import Store
from qunflow.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Ports:
    """
    Everything a round of sending touches.

    Args:
        directory: the workspace's folder; liveness files of workers stand in ``state/workers`` below it.
        web_url: public address of Qunflow's own pages, for the links on hand-send cards.
        lang: the language of cards for staff.
    """

    store: Store
    vault: Vault
    wecom: WeCom
    clock: Clock
    workspace: Workspace
    directory: Path
    web_url: str
    lang: Literal["zh", "en"] = "zh"
