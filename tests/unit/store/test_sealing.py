"""What is sealed opens with its key and its context only."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.errors import BadInput, ConfigurationError
from qunflow.store.sealing import derive_keys

KEYS = derive_keys(bytes(range(32)), os.urandom)


@given(plain=st.binary(max_size=300), context=st.text(max_size=30))
def test_what_is_sealed_opens_again(plain: bytes, context: str) -> None:
    """Every text comes back as it was."""
    assert KEYS.open(KEYS.workspace, KEYS.seal(KEYS.workspace, plain, context), context) == plain


@given(plain=st.binary(min_size=1, max_size=60), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(plain: bytes, place: int, bit: int) -> None:
    """Header, nonce, ciphertext and tag are all authenticated."""
    sealed = bytearray(KEYS.seal(KEYS.workspace, plain, "row 1"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(BadInput, match="cannot be opened"):
        KEYS.open(KEYS.workspace, bytes(sealed), "row 1")


def test_a_sealed_value_cannot_be_moved_to_another_row() -> None:
    """The context is part of the seal."""
    sealed = KEYS.seal(KEYS.workspace, b"13800138000", "field:1:phone")
    with pytest.raises(BadInput):
        KEYS.open(KEYS.workspace, sealed, "field:2:phone")


@pytest.mark.parametrize("sealed", [b"", b"\x01", bytes(17), bytes(33)])
def test_rubbish_is_refused_in_words(sealed: bytes) -> None:
    """Bytes that were never sealed are bad input, not a crash."""
    with pytest.raises(BadInput):
        KEYS.open(KEYS.workspace, sealed, "")


def test_the_same_text_never_looks_the_same_twice() -> None:
    """Two seals of one phone cannot be compared."""
    assert KEYS.seal(KEYS.workspace, b"13800138000", "") != KEYS.seal(KEYS.workspace, b"13800138000", "")


def test_digests_depend_on_kind_value_and_key() -> None:
    """A digest finds the same value of the same kind under the same master key, and nothing else."""
    other = derive_keys(bytes(32), os.urandom)
    digests = {
        KEYS.digest("phone", "13800138000"),
        KEYS.digest("phone", "13800138001"),
        KEYS.digest("unionid", "13800138000"),
        other.digest("phone", "13800138000"),
    }
    assert len(digests) == 4
    assert KEYS.digest("phone", "13800138000") in digests


def test_every_purpose_has_a_key_of_its_own() -> None:
    """The key that finds persons cannot open anything."""
    assert len({KEYS.workspace, KEYS.key_sealing, KEYS.finding}) == 3


def test_keys_are_never_shown() -> None:
    """A traceback or a log that prints the keys shows their id only."""
    assert KEYS.workspace.hex() not in repr(KEYS)
    assert repr(KEYS.workspace) not in repr(KEYS)


def test_a_master_key_of_another_length_is_refused() -> None:
    """A short key is a mistake in the settings."""
    with pytest.raises(ConfigurationError, match="32 bytes"):
        derive_keys(b"short", os.urandom)
