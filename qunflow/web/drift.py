"""
Whether an entry still looks like the mapping of its form, and which entry it is.

Nothing is refused here: a form changes under its owner's hands, and its entries are kept all the same. What cannot be
used is found and quarantined by acquisition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qunflow.acquisition.forms import USUAL_COLUMNS
from qunflow.acquisition.leads import plain
from qunflow.settings.workspace import Form

_SERIAL = USUAL_COLUMNS["serial"]
_USUAL = frozenset(name for names in USUAL_COLUMNS.values() for name in names)
# What the form platform adds by itself. Source: open.jinshuju.net, form push (read 2026-11-21).
_OF_THE_PLATFORM = re.compile(
    r"token|serial_number|creator_name|created_at|updated_at|info_\w+|x_field_\w+|gen_code"
    r"|total_price|preferential_price|trade_\w+|payment_\w+|referred_from|color_mark"
)
# Names go into answers and logs; anything else might be an answer that strayed into a name.
_TELLABLE = re.compile(r"[A-Za-z_]{1,30}\d{0,3}")


@dataclass(frozen=True, slots=True)
class Drift:
    """Fields of an entry that nobody mapped, and mapped ones it does not have; names only, never values."""

    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """One short sentence a kind, in the words of a program; empty when all is as mapped."""
        kinds = {"unknown_field": self.unknown, "missing_field": self.missing}
        return [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]


def entry_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    A push in the one shape acquisition reads: ``{"entry": {"serial_number": …, …}}``.

    A push without an ``entry`` is a row by itself, as generic forms send it; its number stands under a usual name.
    """
    if "entry" in body:
        return dict(body)
    number = next((body[name] for name in _SERIAL if _is_number(body.get(name))), None)
    return {"entry": {**body, **({} if number is None else {"serial_number": number})}}


def serial_of(body: Mapping[str, Any]) -> str:
    """The number of the entry within its form, empty when it has none."""
    inside = body.get("entry")
    number = inside.get("serial_number") if isinstance(inside, dict) else None
    return plain(number) if _is_number(number) else ""


def drift_of(body: Mapping[str, Any], form: Form) -> Drift:
    """How an entry differs from its form's mapping; fields carried by the form's address may be absent."""
    inside = body.get("entry")
    if not isinstance(inside, dict):
        return Drift(missing=("entry",))
    mapped = {name for name in form.fields.model_dump().values() if name}
    unknown = [name for name in inside if name not in mapped | _USUAL and not _OF_THE_PLATFORM.fullmatch(name)]
    missing = [name for name in mapped if name not in inside and not name.startswith("x_field_")]
    if not serial_of(body):
        missing.append("serial_number")
    return Drift(_told(unknown), _told(missing))


def _told(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name if _TELLABLE.fullmatch(name) else "…" for name in names})[:8])


def _is_number(given: object) -> bool:
    return isinstance(given, int | str) and not isinstance(given, bool) and bool(str(given).strip())
