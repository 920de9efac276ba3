"""How a value may be shown: without secrets and ciphertext, on one line, and as Markdown that is nothing but text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from infra.domain.changes.change import Change
from infra.domain.registrations import SECRET, UNKNOWN

# A value may be longer than anybody reads; what is cut says so.
_LONGEST, SENTENCE = 160, 500
# Names of properties whose values are nobody's business, even where a source forgot to mark them (an older CLI, --show-secrets).
_PRIVATE = re.compile(
    r"passw|secret|token|credential|private_?key|connection_?string|sas_?(url|key)|access_?key|shared_?key", re.IGNORECASE
)
# Settings with such a word in their name that hold a switch or a period, no secret: authConfig.passwordAuth, password_encryption.
_PUBLIC = re.compile(r"passwordAuth$|password_auth$|password_encryption$|secretsprovider$", re.IGNORECASE)
# Pulumi's ciphertexts, an address with a password in it, a JSON web token, the words of a connection string.
_SECRET_TEXTS = re.compile(
    r"\bv\d:[A-Za-z0-9+/]{8,}={0,2}:[A-Za-z0-9+/]{8,}={0,2}"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|(?<=\bpassword=)[^\s;&]+|(?<=\bpwd=)[^\s;&]+|(?<=\bAccountKey=)[^\s;&]+|(?<=\bsig=)[^\s;&]+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
# Everything that Markdown, HTML, emoji codes, mathematics or links could read as more than a character, in the middle of a line.
_MARKUP = re.compile(r"[&<>`*_\[\]#|~@\\$]|:(?=\S)")
_WWW = re.compile(r"(?i)\bwww\.")
# GitHub looks for people and issues in the finished text, so an entity is not enough: something must stand in between.
_APART = "&#8203;"


def redacted(change: Change) -> Change:
    """The change without anything secret in its values or its words, whatever the source has marked."""
    old, new = _masked(change.old, change.path), _masked(change.new, change.path)
    why = change.why
    for text in sorted({*_hidden(change.old, change.path), *_hidden(change.new, change.path)}, key=len, reverse=True):
        why = why.replace(text, SECRET)
    return replace(change, old=old, new=new, why=clean(why), instead=clean(change.instead))


def clean(text: str) -> str:
    """Text without ciphertexts and credentials that can be told by their look."""
    return _SECRET_TEXTS.sub(SECRET, text)


def shown(value: Any, most: int = _LONGEST) -> str:
    """A value on one line, cut to what a person reads; nothing is a dash."""
    if value is None or value == "":
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = _CONTROL.sub(" ", clean(text)).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def one_line(text: str) -> str:
    """A sentence on one line, without characters that nobody sees; its indentation stays."""
    return _CONTROL.sub(" ", text).rstrip()


def prose(text: str) -> str:
    """Words for Markdown: what they look like is what they are, and nobody is called by them."""
    found = _MARKUP.sub(_entity, one_line(text).strip())
    return _WWW.sub("www&#46;", found).replace("&#64;", f"&#64;{_APART}").replace("&#35;", f"&#35;{_APART}")


def code(text: str) -> str:
    """A name or a value for Markdown, in the type of code; an empty one is a dash."""
    return f"<code>{_WWW.sub('www&#46;', _MARKUP.sub(_entity, one_line(text).strip())) or '–'}</code>"


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _is_private(name: str) -> bool:
    return bool(_PRIVATE.search(name)) and not _PUBLIC.search(name)


def _masked(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _masked(item, f"{path}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, path) for item in value]
    if _is_private(path.rpartition(".")[2]) and not isinstance(value, bool | None) and value not in (SECRET, UNKNOWN, ""):
        return SECRET
    return clean(value) if isinstance(value, str) else value


def _hidden(value: Any, path: str) -> Iterator[str]:
    """The texts that `_masked` hides, so that they are found in a sentence too."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _hidden(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _hidden(item, path)
    elif value not in (None, "", SECRET):
        if _masked(value, path) == SECRET:
            yield str(value)
        elif isinstance(value, str):
            # Of `user:password` in an address the password alone may stand in a sentence.
            yield from (text for found in _SECRET_TEXTS.finditer(value) if (text := found[0].rpartition(":")[2]))
