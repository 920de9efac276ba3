"""The comments of a pull request at GitHub: every page of them, and the one that is ours written or brought up to date. Deletes nothing.

The token comes from GITHUB_TOKEN and goes to one host alone: GITHUB_API_URL, over TLS, or on loopback where a test listens.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.edges.arm_retry import Deadline
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, USAGE, Failure
from scripts.edges.loopback import is_loopback
from scripts.edges.patient_http import LOST, Again, Patience, Waits, asked_seconds, client, pauses

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

TOKEN, API = "GITHUB_TOKEN", "GITHUB_API_URL"
PUBLIC = "https://api.github.com"
# As whom a workflow's own token writes. What anybody else wrote is neither changed nor believed, whatever marker it has.
AUTHOR = "github-actions[bot]"
_VERSION = "2022-11-28"
_PAGE = 100  # the most that the API gives at once
_MOST_PAGES = 100
_MOST_BYTES = 64 << 20  # a hundred comments of 65,536 characters, in JSON
# A secondary limit asks for a minute; longer than five minutes a runner does not wait for a comment.
SECONDS = 300.0
_FIRST_WAIT, _MOST_WAIT, _LIMIT_WAIT = 1.0, 30.0, 60.0
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Comment:
    """A comment that is there: its number, who wrote it, its text."""

    id: int
    author: str
    body: str


class PullRequests:
    """The pull requests of one repository. Raises Failure for an address, a repository or a token that cannot be used."""

    def __init__(self, repository: str, *, seconds: float = SECONDS, author: str = AUTHOR, waits: Waits = lambda reason: None) -> None:
        if not _REPOSITORY.fullmatch(repository) or repository.endswith(("/.", "/..")):
            raise Failure(USAGE, f"--repository is {repository!r}, not OWNER/NAME")
        self._token = os.environ.get(TOKEN, "").strip()
        if not self._token:
            raise Failure(CONFIGURATION, f"{TOKEN} is not set", hint="in a workflow: env: GITHUB_TOKEN: ${{ github.token }}")
        self._endpoint, self._repository = endpoint(), repository
        self._author = author
        self._patience = Patience(name="GitHub", where=repository, hint="run it again later", deadline=Deadline(seconds), waits=waits)

    def put(self, number: int, marker: str, body: str) -> str:
        """Make our comment of pull request `number`, or bring it up to date; `made`, `updated`, or `stands` where it says so already.

        Ours is the first that begins with `marker` and was written by our author. An answer that was lost may have been carried out:
        then it is looked for again before anything is written.
        """
        growing = pauses(_FIRST_WAIT, _MOST_WAIT)
        while True:
            found = self.find(number, marker)
            if found is not None and _same(found.body, body):
                return "stands"
            try:
                if found is None:
                    self._once("POST", f"/issues/{number}/comments", {"body": body})
                    return "made"
                self._once("PATCH", f"/issues/comments/{found.id}", {"body": body})
                return "updated"
            except Again as again:
                self._patience.pause(again, growing)

    def find(self, number: int, marker: str) -> Comment | None:
        """Our comment of pull request `number`, looked for on every page."""
        pages = self._pages(f"/issues/{number}/comments")
        return next((each for each in map(_comment, pages) if each.author == self._author and each.body.startswith(marker)), None)

    def merged_as(self, commit: str) -> int | None:
        """The number of the merged pull request that `commit` came with; None for a commit that came with none."""
        if not _COMMIT.fullmatch(commit):
            raise Failure(USAGE, f"--commit is {commit!r}, not a whole hash", hint="git rev-parse HEAD")
        for each in self._pages(f"/commits/{commit}/pulls"):
            if each.get("merged_at") and each.get("merge_commit_sha") == commit and isinstance(each.get("number"), int):
                return int(each["number"])
        return None

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a list. A page that is full is followed by another, with or without a Link header."""
        for page in range(1, _MOST_PAGES + 1):
            items = self._ask(f"{path}?per_page={_PAGE}&page={page}")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise Failure(BAD, "GitHub's answer is no list", hint=f"is {API} the address of its API?")
            yield from items
            if len(items) < _PAGE:
                return
        raise Failure(BAD, f"more than {_MOST_PAGES * _PAGE} comments, and ours is not among them")

    def _ask(self, path: str) -> Any:
        growing = pauses(_FIRST_WAIT, _MOST_WAIT)
        while True:
            try:
                return self._once("GET", path)
            except Again as again:
                self._patience.pause(again, growing)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        from azure.core.rest import HttpRequest

        headers = {
            "Accept": "application/vnd.github+json", "Authorization": f"Bearer {self._token}", "X-GitHub-Api-Version": _VERSION,
        }  # fmt: skip
        request = HttpRequest(method, f"{self._endpoint}/repos/{self._repository}{path}", headers=headers, json=body)
        too_long = Failure(BAD, "GitHub's answer is longer than any page")
        try:
            with client(self._endpoint) as through:
                answer, text = self._patience.answer(through, request, most_bytes=_MOST_BYTES, too_long=too_long)
        except ValueError:  # a token that fits into no header; its words are not repeated
            raise Again(UNREACHABLE, LOST) from None
        self._judge(answer, text)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise Failure(BAD, "GitHub's answer is no JSON document", hint=f"is {API} the address of its API?") from None

    def _judge(self, answer: HttpResponse, text: bytes) -> None:
        """Nothing for a good answer; Again for one that may be better later; Failure for the rest. No answer's words are repeated."""
        status, headers = answer.status_code, answer.headers
        if status in (200, 201):
            return
        if status >= 500:
            raise Again(UNREACHABLE, f"is in trouble (status {status})", asked_seconds(headers.get("Retry-After")))
        limited = headers.get("x-ratelimit-remaining") == "0" or "Retry-After" in headers or b"rate limit" in text.lower()
        if status == 429 or (status == 403 and limited):
            raise Again(BUSY, "asks to wait: its rate limit is reached", _limit(headers))
        fact = f"GitHub answers with status {status}"
        if status in (401, 403):
            raise Failure(REFUSED, f"{fact}: {TOKEN} may not do this", where=self._repository, hint="permissions: pull-requests: write")
        if status == 404:
            hint = "is the number right, and may the token see this repository?"
            raise Failure(REFUSED, f"{fact}: there is no such pull request, or {TOKEN} may not see it", where=self._repository, hint=hint)
        if status in (301, 302, 307, 308):
            raise Failure(BAD, f"{fact}: the repository moved, and the token is not sent after it", where=self._repository)
        raise Failure(BAD, fact, where=self._repository)


def endpoint() -> str:
    """Where the API is. Raises Failure for an address without TLS that is not on loopback: the token would be read on the way."""
    text = os.environ.get(API, "").rstrip("/") or PUBLIC
    parts = urlsplit(text)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Failure(CONFIGURATION, f"{API} is no address with https", hint="unset it for github.com")
    return text


def _comment(item: Mapping[str, Any]) -> Comment:
    user, body = item.get("user"), item.get("body")
    author = user.get("login") if isinstance(user, dict) else None  # the account may be gone
    return Comment(int(item.get("id") or 0), author if isinstance(author, str) else "", body if isinstance(body, str) else "")


def _same(there: str, ours: str) -> bool:
    """Whether two texts say the same: GitHub keeps no blank end, and may keep other line ends."""
    return there.replace("\r\n", "\n").strip() == ours.strip()


def _limit(headers: Mapping[str, str]) -> float:
    """How long a rate limit asks us to wait: so many seconds, until a moment, else the minute of a secondary limit."""
    asked = asked_seconds(headers.get("Retry-After"))
    if asked is not None:
        return asked
    moment = asked_seconds(headers.get("x-ratelimit-reset")) if headers.get("x-ratelimit-remaining") == "0" else None
    return _LIMIT_WAIT if moment is None else max(1.0, moment - time.time())
