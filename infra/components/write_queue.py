"""The queue of writes on one server: Azure takes one management operation at a time, so every write waits for the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pulumi

# What Azure calls it, in a 409 or in a poll that fails after the write was accepted.
BUSY_CODES = ("ServerIsBusy", "ServerBusy", "ServerIsNotReady")
# Single writes take 10 to 60 seconds, so waiting longer than half a minute at a time wins nothing.
LONGEST_PAUSE_SECONDS = 30
# 1 + 2 + 4 + 8 + 16 seconds, then 30 each: about a quarter of an hour, longer than a replica or a SKU change usually takes.
MOST_ATTEMPTS = 33

Written = TypeVar("Written", bound=pulumi.CustomResource)


class WriteQueue:
    """Makes resources on one server one after another, each with the options that a write on that server needs."""

    def __init__(self, server: pulumi.CustomResource, busy: pulumi.ErrorHook) -> None:
        self._server = server
        self._last: pulumi.Resource = server
        self._busy = busy

    def write(
        self,
        make: Callable[[pulumi.ResourceOptions], Written],
        parent: pulumi.Resource,
        *,
        protect: bool = False,
        dies_with_server: bool = False,
        ignore_changes: list[str] | None = None,
        hooks: pulumi.ResourceHookBinding | None = None,
    ) -> Written:
        """The resource that `make` makes with the given options, in line behind the last one.

        `protect` is written out because Pulumi inherits it from a protected parent. With `dies_with_server` Pulumi does
        not delete the resource when the server goes: Azure already has, and each call would meet a busy server.
        """
        bound = hooks or pulumi.ResourceHookBinding()
        bound.on_error = [self._busy, *(bound.on_error or [])]
        made = make(
            pulumi.ResourceOptions(
                parent=parent,
                depends_on=[self._last],
                protect=protect,
                deleted_with=self._server if dies_with_server else None,
                ignore_changes=ignore_changes,
                hooks=bound,
            )
        )
        self._last = made
        return made


def busy_hook(name: str) -> pulumi.ErrorHook:
    """A hook that repeats what a busy server refused; other errors fail at once."""

    async def retry(error: pulumi.ErrorHookArgs) -> bool:
        pause = pause_seconds(error.errors)
        if pause is None:
            return False
        await asyncio.sleep(pause)
        return True

    return pulumi.ErrorHook(name, retry)


def pause_seconds(errors: list[str]) -> float | None:
    """Seconds to wait before the next attempt, given all errors so far, newest first; None: do not try again."""
    if not errors or len(errors) >= MOST_ATTEMPTS or not any(code in errors[0] for code in BUSY_CODES):
        return None
    return float(min(2 ** (len(errors) - 1), LONGEST_PAUSE_SECONDS))
