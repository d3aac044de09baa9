"""
One access token for every process of a workspace: a small sealed file, which only one process at a time renews.

WeCom counts requests for tokens and blocks an address that asks too often with a wrong secret, so whoever is refused
looks into the file before asking. What a token is used for is left to ``session``.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qunflow.connectors.wecom.answers import WAIT_A_LITTLE
from qunflow.errors import ChannelUnavailable, ConfigurationError, disk_problem

RENEW_EARLY_S = 300.0
_LOCK_S = 30.0
_LOOK_AGAIN_S = 0.02
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the instant (Unix seconds of this machine) from which a fresh one is asked for."""

    text: str = field(default="", repr=False)
    renew_at: float = 0.0

    def is_good(self, refused: str) -> bool:
        """Whether it may be used by a caller whose token ``refused`` was not taken any more."""
        return bool(self.text) and self.text != refused and time.time() < self.renew_at


Fetch: TypeAlias = Callable[[Token], Awaitable[Token]]
"""Asks the platform for a token; gets the one held so far."""


def token_of(text: str, lifetime_s: int, held: Token) -> Token:
    """A token as the platform gave it, to be renewed 300 s before its end; the same one again is used to its end."""
    early_s = 0.0 if text == held.text or lifetime_s <= RENEW_EARLY_S else RENEW_EARLY_S
    return Token(text, time.time() + lifetime_s - early_s)


class TokenFile:
    """
    The token of one application in a file only this user can read, sealed with a key made from the secret.

    Args:
        path: the file; its directory is made when it is missing.
        address, corp_id, secret: whose token it is; a file of somebody else counts as empty.
    """

    def __init__(self, path: Path, address: str, corp_id: str, secret: str) -> None:
        self._path = path
        self._owner = f"{address} {corp_id}".encode()
        self._seal = AESGCM(hashlib.sha256(b"qunflow wecom token\0" + secret.encode()).digest())

    async def renewed(self, refused: str, fetch: Fetch) -> Token:
        """
        A token that is not ``refused``: the one another process has kept, else a fetched one.

        Raises:
            ChannelUnavailable: another process has held the file for half a minute.
            PermanentError: the disk is full, or the file cannot be written.
        """
        with _explained(self._path):
            async with self._locked() as handle:
                held = self._read(handle)
                if not held.is_good(refused):
                    held = await fetch(held)
                    self._write(handle, held)
                return held

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[int]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await _lock(handle)
            yield handle
        finally:
            os.close(handle)  # gives the lock back, as the end of a process does

    def _read(self, handle: int) -> Token:
        sealed = os.pread(handle, 65_536, 0)
        try:
            kept = json.loads(self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._owner))
        except (InvalidTag, ValueError):  # empty, cut short by a crash, or another application's
            return Token()
        return Token(kept["token"], kept["renew_at"])

    def _write(self, handle: int, token: Token) -> None:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps({"token": token.text, "renew_at": token.renew_at}).encode()
        os.ftruncate(handle, 0)
        os.pwrite(handle, nonce + self._seal.encrypt(nonce, plain, self._owner), 0)


async def _lock(handle: int) -> None:
    patience = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > patience:
                raise ChannelUnavailable(
                    "another process has been fetching WeCom's access token for half a minute", WAIT_A_LITTLE, 5.0
                ) from None
        await asyncio.sleep(_LOOK_AGAIN_S)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = ConfigurationError(f"{path} cannot hold the access token: {error.strerror}", "make room for a file")
        raise (disk_problem(error) or problem) from error
