"""Times in the ledger: with a zone when they come in, UTC of fixed width inside, so that texts sort as times do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def utc_text(time: datetime) -> str:
    """Text of a time with a zone, `2026-03-01T09:30:00.000000Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_utc_text(text: str) -> datetime:
    """The time of a text of `utc_text`."""
    return datetime.fromisoformat(text)


def read_time(text: str) -> datetime:
    """Time of a text of ISO 8601 with date, time and zone.

    Raises
    ------
    ValueError
        The sentence says what is wrong.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write it like 2026-03-01T09:30:00+01:00") from None
    if time.tzinfo is None or time.utcoffset() is None:
        raise ValueError(f"{text!r} has no zone; add it, such as +01:00, or Z for UTC")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar") from None


def local_day(time: datetime, now: datetime) -> date:
    """Day of a time on the calendar of the zone of `now`."""
    return time.astimezone(now.tzinfo).date()


def day_start(now: datetime, *, days_before: int = 0) -> datetime:
    """Local midnight at the start of today, or of a day some days before, in the zone of `now`."""
    day = now.date() - timedelta(days=days_before)
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo).astimezone(UTC)
