"""
The encryption of WeCom callbacks, in both directions.

A callback carries ``Encrypt`` (AES-256-CBC) and a SHA-1 signature over it; the signature is always checked first and
every failure looks the same from outside, so that nothing can be learnt by probing. The first 16 bytes of the key are
the initialisation vector: the protocol fixes that. Refusing replays is left to the inbox, which keeps one row a body.

Source: WeCom developer centre, pages 96466 and 96238 (read 2026-11-21).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from qunflow.errors import BadInput, ConfigurationError

_BLOCK = 32  # WeCom pads to 32 bytes although AES works on 16.
_PREFIX = 16


@dataclass(frozen=True, slots=True)
class CallbackCrypto:
    """
    Signs, seals and opens callbacks of one application.

    Args:
        token: the callback token from the admin console.
        aes_key: the 43 characters of EncodingAESKey.
        receive_id: the corp id for self-built applications.

    Raises:
        ConfigurationError: when ``aes_key`` does not decode to 32 bytes.
    """

    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    receive_id: str
    _key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", _decoded_key(self.aes_key))

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """The ``msg_signature`` of an encrypted body: SHA-1 over the four parts in byte order."""
        parts = sorted(part.encode() for part in (self.token, timestamp, nonce, encrypted))
        return hashlib.sha1(b"".join(parts), usedforsecurity=False).hexdigest()

    def seal(self, message: bytes, prefix: bytes | None = None) -> str:
        """Encrypt a message; ``prefix`` is the 16 random bytes, given only by tests."""
        start = secrets.token_bytes(_PREFIX) if prefix is None else prefix
        plain = start + len(message).to_bytes(4, "big") + message + self.receive_id.encode()
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, msg_signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """
        The message of a callback or of an ``echostr``, after checking who sent it and for whom.

        Raises:
            BadInput: for a wrong signature, padding, length or receiver; always with the same words.
        """
        expected = self.signature(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), msg_signature.encode()):
            _refuse()
        return self._message(self._decrypted(encrypted))

    def _decrypted(self, encrypted: str) -> bytes:
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            _refuse()
        if not sealed or len(sealed) % 16:
            _refuse()
        decryptor = self._cipher().decryptor()
        return decryptor.update(sealed) + decryptor.finalize()

    def _message(self, padded: bytes) -> bytes:
        pad = padded[-1]
        if not 1 <= pad <= _BLOCK or padded[-pad:] != bytes([pad]) * pad:
            _refuse()
        plain = padded[:-pad]
        size = int.from_bytes(plain[_PREFIX : _PREFIX + 4], "big")
        message, receiver = plain[_PREFIX + 4 : _PREFIX + 4 + size], plain[_PREFIX + 4 + size :]
        if len(plain) < _PREFIX + 4 or len(message) != size or receiver != self.receive_id.encode():
            _refuse()
        return message

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def _decoded_key(aes_key: str) -> bytes:
    try:
        # The last character may carry stray bits, so a canonical check would refuse keys WeCom itself gives out.
        key = base64.b64decode(aes_key + "=")
    except (binascii.Error, ValueError):
        key = b""
    if len(aes_key) != 43 or len(key) != 32:
        raise ConfigurationError(
            "the EncodingAESKey of the WeCom callback is not 43 letters and digits",
            "copy it again from the admin console into QUNFLOW_WECOM_CALLBACK_AES_KEY",
        )
    return key


def _refuse() -> NoReturn:
    raise BadInput(
        "a WeCom callback could not be verified",
        "check QUNFLOW_WECOM_CALLBACK_TOKEN, QUNFLOW_WECOM_CALLBACK_AES_KEY and QUNFLOW_WECOM_CORP_ID",
    ) from None
