"""Passwords that nobody has to think of."""

from __future__ import annotations

import secrets
import string


def made_up() -> str:
    """A password for an administrator: 24 characters of all the classes that Azure asks for, 119 bits."""
    return "Aa1-" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))
