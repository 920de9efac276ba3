"""The clock of the verbs: what they do at a moment they do at the one that they were given, and this is what gives it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
