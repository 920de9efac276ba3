"""Waiting for what comes to hold by itself, and no longer than it can take on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 10.0, says: str = "it did not happen") -> None:
    """Return once `holds` gives something true; fail with what `says` after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{says} ({seconds:g} s)"
        time.sleep(0.02)
