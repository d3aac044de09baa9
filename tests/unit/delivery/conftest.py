"""A platform in memory and the ports over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qunflow.delivery.ports import Ports
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.unit.delivery.platform_fake import FakePlatform, ports_of


@pytest.fixture
def platform() -> FakePlatform:
    """A platform that accepts everything, until a test says otherwise."""
    return FakePlatform()


@pytest.fixture
def ports(store: Store, vault: Vault, platform: FakePlatform, tmp_path: Path) -> Iterator[Ports]:
    """Ports over that platform and a migrated store, once on each engine."""
    made = ports_of(store, vault, platform, tmp_path)
    yield made
    made.wecom.close()
