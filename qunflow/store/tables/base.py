"""
What all tables share: names of constraints, numbering, instants, and the words a column may hold.

Instants are stored in UTC, local days as dates in the community's zone, money in fen, texts as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Integer, MetaData, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself in an INTEGER key.
Identity = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant: UTC in the database on both engines, aware UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


STAGES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion")
FLOWS = (*STAGES, "community_cycle", "upkeep")
TARGET_STATES = (
    "planned",
    "checked",
    "approved",
    "intent",
    "sent",
    "refused",
    "unknown",
    "reconciled",
    "dead",
    "skipped",
    "cancelled",
)
WAYS = ("mass_task", "hand_send", "welcome", "private_task", "staff_notice", "moment", "robot", "mail", "longtail")
# Where a group lives: only WeCom's customer groups have mass tasks, the others are reached by hand or by their robot.
PLATFORMS = ("wecom", "wechat", "qq", "dingtalk", "feishu", "other")
