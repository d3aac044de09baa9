"""
The resident sender, one beat: welcomes first, then what is due, then what came of it.

It needs neither Prefect nor a flow; a flow that drains does the same work less punctually. Looping and signals are
left to ``qunflow deliver``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from qunflow.delivery.model import DeliveryReport
from qunflow.delivery.morning import good_morning
from qunflow.delivery.poll import PollReport, poll
from qunflow.delivery.ports import Ports
from qunflow.delivery.remind import ReminderReport, remind
from qunflow.delivery.sender import drain
from qunflow.delivery.stand_in import CoverReport, cover
from qunflow.delivery.welcome import Composer, answer_welcomes, forget_late
from qunflow.errors import QunflowError, TransientError


@dataclass(slots=True)
class TickReport:
    """What one beat did; ``retry_after_s`` is the longest wait a platform asked for."""

    welcomes: DeliveryReport = field(default_factory=DeliveryReport)
    delivery: DeliveryReport = field(default_factory=DeliveryReport)
    polled: PollReport = field(default_factory=PollReport)
    reminders: ReminderReport = field(default_factory=ReminderReport)
    cover: CoverReport = field(default_factory=CoverReport)

    @property
    def problems(self) -> tuple[QunflowError, ...]:
        """What ended a part of the beat early."""
        parts = (self.welcomes, self.cover, self.delivery, self.polled, self.reminders)
        return tuple(part.problem for part in parts if part.problem is not None)

    @property
    def retry_after_s(self) -> float:
        """Seconds to leave the platform alone; 0 when nothing is wrong."""
        return max((one.retry_after_s for one in self.problems if isinstance(one, TransientError)), default=0.0)


def tick(ports: Ports, *, now: datetime, compose: Composer | None = None, budget_s: float | None = None) -> TickReport:
    """
    Do everything that is due, once.

    Args:
        ports: what sending touches.
        now: the instant everything is judged at.
        compose: what a welcome says; without it welcomes are left to the acquisition flow.
        budget_s: at most so long for ordinary messages, so that the next welcome is not kept waiting.
    """
    report = TickReport()
    if compose is not None:
        report.welcomes = answer_welcomes(ports, compose, now=now)
        ports.store.write(partial(forget_late, now=now))
    report.cover = cover(ports, now)
    good_morning(ports, now)
    report.delivery = drain(ports, now=now, budget_s=budget_s)
    report.polled = poll(ports, now)
    report.reminders = remind(ports, now)
    return report
