"""What Pulumi itself writes into a stack file: salt or key, and the ciphertext of the password; taken out, and put into a file as it was.

Pulumi writes the whole file anew, without its layout. A person's file keeps its lines, so only what Pulumi added is taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.edges.capture import PASSWORD_KEY
from scripts.edges.stack_file import PULUMIS_OWN


@dataclass(frozen=True)
class Seal:
    """Pulumi's own keys at the top of a stack file, and the password's ciphertext (None: not set)."""

    own: Mapping[str, str]
    password: str | None


def seal_of(text: str) -> Seal:
    """What Pulumi has written into the text of a stack file."""
    document = yaml.safe_load(text) or {}
    secret = (document.get("config") or {}).get(PASSWORD_KEY)
    own = {name: str(document[name]) for name in sorted(PULUMIS_OWN) if name in document}
    return Seal(own, secret.get("secure") if isinstance(secret, dict) else None)


def stripped(text: str) -> str:
    """A stack file without Pulumi's own keys and without the password: they were made with another passphrase."""
    own = "|".join(sorted(PULUMIS_OWN))
    text = re.sub(rf"^(?:{own}):.*\n?(?:[ \t]+.*\n?)*", "", text, flags=re.MULTILINE)
    return re.sub(rf"^([ \t]+)[\"']?{re.escape(PASSWORD_KEY)}[\"']?:.*\n?(?:\1[ \t]+.*\n?)*", "", text, flags=re.MULTILINE)


def sealed(text: str, seal: Seal) -> str:
    """A stripped stack file with a seal; the other lines keep their numbers."""
    indent = re.search(r"^config:.*\n(?:[ \t]*(?:#.*)?\n)*([ \t]+)", text, flags=re.MULTILINE)
    lines = "".join(f"{name}: {value}\n" for name, value in seal.own.items())
    if seal.password is not None:
        lines = f"{indent[1] if indent else '  '}{PASSWORD_KEY}: {{secure: {json.dumps(seal.password)}}}\n{lines}"
    return text + ("" if text.endswith("\n") else "\n") + lines


@contextlib.contextmanager
def layout_kept(path: Path) -> Iterator[None]:
    """Whatever Pulumi makes of the file inside the block, afterwards it is as before, with Pulumi's own keys and the password.

    How it was is kept beside it meanwhile: if this process is killed, `mend` brings it back.
    """
    before = path.read_text(encoding="utf-8")
    write(_kept(path), before)
    try:
        yield
    finally:
        mend(path)


def mend(path: Path) -> None:
    """Give a file back the layout that a block of `layout_kept` left behind; one that somebody has edited since stays as it is."""
    kept = _kept(path)
    if not kept.exists():
        return
    before, after = kept.read_text(encoding="utf-8"), path.read_text(encoding="utf-8")
    if after != before and _values(after) == _values(before):
        write(path, sealed(stripped(before), seal_of(after)))
    kept.unlink()


def _values(text: str) -> dict[str, object]:
    """What a stack file says, but for Pulumi's own keys. Pulumi writes an empty text for a key without a value."""
    config = (yaml.safe_load(stripped(text)) or {}).get("config") or {}
    return {key: "" if value is None else value for key, value in config.items()}


def _kept(path: Path) -> Path:
    return path.with_name(f".{path.name}.layout")


def write(path: Path, text: str) -> None:
    """The file whole or not at all, with the rights that it had."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    with contextlib.suppress(FileNotFoundError):
        beside.chmod(path.stat().st_mode)
    os.replace(beside, path)
