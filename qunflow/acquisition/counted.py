"""Everything acquisition counts of one community and day, as one value; how, is said where each part is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from qunflow.acquisition.funnel import ChannelFunnel, DayMovement
from qunflow.acquisition.scans import ChannelScans


@dataclass(frozen=True, slots=True)
class Counted:
    """The funnel as known at the end of the day (or now), scans by channel, and the movement of each day asked for."""

    channels: tuple[ChannelFunnel, ...]
    scans: Mapping[str, ChannelScans]
    moved: Mapping[date, DayMovement]
