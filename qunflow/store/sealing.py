"""
The cryptography of the person vault: AES-256-GCM to seal, HMAC-SHA256 to find again, keys derived by HKDF.

A sealed value is one version byte, four bytes of key id, a nonce of twelve bytes and the ciphertext. The context
(whose field it is) is authenticated with it, so that a value cannot be moved to another row.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qunflow.errors import BadInput, ConfigurationError

_VERSION = b"\x01"
_HEADER = 5
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys derived from one master key; never shown."""

    key_id: str
    workspace: bytes = field(repr=False)
    key_sealing: bytes = field(repr=False)
    finding: bytes = field(repr=False)
    random: Callable[[int], bytes] = field(repr=False)

    def seal(self, key: bytes, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate ``plain`` together with ``context``."""
        nonce = self.random(_NONCE)
        header = _VERSION + bytes.fromhex(self.key_id)
        return header + nonce + AESGCM(key).encrypt(nonce, plain, header + context.encode())

    def open(self, key: bytes, sealed: bytes, context: str) -> bytes:
        """
        Decrypt what ``seal`` made.

        Raises:
            BadInput: when it was changed, moved, or sealed with another key.
        """
        header, nonce, rest = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
        try:
            return AESGCM(key).decrypt(nonce, rest, header + context.encode())
        except (InvalidTag, ValueError) as error:
            raise BadInput(
                "a sealed value cannot be opened: it was changed, or sealed with another key",
                "check QUNFLOW_MASTER_KEY; if it is the right one, restore the row from a backup",
            ) from error

    def digest(self, kind: str, value: str) -> str:
        """Keyed hash of ``value``, 64 hex digits."""
        return hmac.new(self.finding, f"{kind}\0{value}".encode(), sha256).hexdigest()


def derive_keys(master_key: bytes, random: Callable[[int], bytes]) -> Keys:
    """The working keys of a master key, each for one purpose."""
    if len(master_key) != 32:
        raise ConfigurationError("the master key is not 32 bytes long", "see QUNFLOW_MASTER_KEY in .env.example")
    return Keys(
        key_id=_derive(master_key, "key id")[:4].hex(),
        workspace=_derive(master_key, "workspace"),
        key_sealing=_derive(master_key, "person keys"),
        finding=_derive(master_key, "digests"),
        random=random,
    )


def _derive(master_key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"qunflow", info=f"qunflow/1/{purpose}".encode()).derive(master_key)
