"""Linux's setpriv before a command: who starts it takes it along when it ends, and the command becomes another user by itself.

Python gives a child another user only by a real fork, and after a fork the handlers of every library run in the child too. Those of gRPC
ended one in a hundred children before the program began (measured, in a process with an open channel), with a line of their own in
the server's log or with none. What setpriv starts is spawned without a fork, and no handler runs.
"""

from __future__ import annotations

import pwd
import shutil
import sys
from collections.abc import Sequence
from typing import Any


def held(command: Sequence[str], *, at_our_end: str = "", account: pwd.struct_passwd | None = None) -> dict[str, Any]:
    """What subprocess needs to run `command` as `account` (None: as ourselves), in no group but the account's own.

    `at_our_end` names the signal ("INT") that it gets when the thread that started it ends. A machine without setpriv cannot do that.
    """
    holder = shutil.which("setpriv") if sys.platform == "linux" else None
    if holder is None:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        return {"args": list(command), **identity}
    becomes = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
    ends = [f"--pdeathsig={at_our_end}"] if at_our_end else []
    return {"args": [holder, *becomes, *ends, "--", *command] if becomes or ends else list(command)}
