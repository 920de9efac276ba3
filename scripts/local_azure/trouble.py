"""What goes wrong on the machine that plays Azure: a fact and a hint, so that every door can tell it the same way."""

from __future__ import annotations

import errno


class Trouble(Exception):
    """The machine cannot do it: no room, a port in use, a server that does not start. `fact` is lower case without full stop."""

    def __init__(self, fact: str, hint: str = "") -> None:
        super().__init__(fact if not hint else f"{fact} (hint: {hint})")
        self.fact = fact
        self.hint = hint


def disk_trouble(error: OSError, where: object) -> Trouble:
    """The trouble behind a failed write; a full disk is named as what it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Trouble(f"{where}: the disk is full", hint="free some space there, or choose another folder with --state")
    return Trouble(f"{where}: {error.strerror or error}", hint="the folder must be writable for this user")
