"""
What the parts of the settings files are made of: a strict model, and the kinds of fields that come up again.

Each kind says in its error what would be valid.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _clock_time(value: Any) -> Any:
    """Accept "21:00" written in the file; refuse seconds, which no SOP needs."""
    if isinstance(value, str):
        try:
            return time.fromisoformat(value if len(value) == 5 else "")
        except ValueError:
            raise ValueError('valid: a time of day in quotes, such as "08:30"') from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("valid: an IANA zone such as Asia/Shanghai or Asia/Singapore") from None
    return value


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
ClockTime = Annotated[time, BeforeValidator(_clock_time, json_schema_input_type=str)]
Zone = Annotated[str, AfterValidator(_zone)]
UserId = Annotated[str, Field(min_length=1, max_length=64)]


class Part(BaseModel):
    """A part of the workspace file: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")
