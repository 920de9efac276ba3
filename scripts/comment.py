"""`agentmem comment` and `agentmem reviewed`: the one comment under a pull request, and what was merged held against what it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infra.domain.changes import comment as comments, plan_hash, report as reports
from infra.domain.changes.comment import MARKER
from infra.domain.changes.report import Report
from infra.domain.environment import STACKS
from scripts.edges import screen
from scripts.edges.exits import GOOD, REFUSED, USAGE, Failure
from scripts.edges.pull_request import PullRequests

# What GitHub takes at most; the comment of a preview keeps below it.
MOST_CHARACTERS = 65_536


def post(repository: str, number: int, *, file: Path | None, failed: str) -> int:
    """Make the comment or bring it up to date, from a file of `agentmem preview --format markdown` or with the reason why there is none."""
    if (file is None) == (not failed):
        raise Failure(USAGE, "name the comment's file, or the reason why there is none", hint="--file comment.md, or --failed REASON")
    body = failure(failed) if file is None else _read(file)
    done = PullRequests(repository, waits=screen.talk).put(number, MARKER, body)
    screen.say(f"{repository} #{number}: the comment {'says so already' if done == 'stands' else f'was {done}'}")
    return GOOD


def failure(reason: str) -> str:
    """The comment of a preview that told nothing: every environment is unknown, and no hash was reviewed."""
    return comments.markdown(Report(stacks=tuple(reports.not_judged(stack, reason) for stack in STACKS), compared=""))


def _read(file: Path) -> str:
    try:
        body = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise Failure(USAGE, f"{file} cannot be read: {why}", hint="agentmem preview --format markdown --output FILE") from None
    if not body.startswith(MARKER):
        raise Failure(USAGE, f"{file} is no comment of a preview", hint="agentmem preview --format markdown --output FILE")
    if len(body) > MOST_CHARACTERS:
        raise Failure(USAGE, f"{file} has {len(body):,} characters, at most {MOST_CHARACTERS:,} fit a comment", hint="write it again")
    return body


def reviewed(stack: str, now: Callable[[], str], *, given: str | None, repository: str | None, commit: str | None) -> int:
    """Whether this tree asks for what was reviewed. Raises Failure (REFUSED) where it does not, or nobody reviewed anything.

    `now` tells the hash of this tree. What was reviewed is `given`, or stands in the comment of the pull request that `commit` came with.
    """
    asked = repository is not None and commit is not None
    if (given is None) != asked or (repository is None) != (commit is None):
        raise Failure(USAGE, "name the reviewed hash, or where to find it", hint="--hash HASH, or --repository OWNER/NAME --commit HASH")
    expected = _found(repository or "", commit or "", stack) if given is None else given.strip().lower()
    if not plan_hash.is_whole(expected):
        raise Failure(USAGE, "--hash is not 64 hex digits", hint="plan_hash of agentmem preview --against main --json")
    found = now()
    if found != expected:
        fact = f"what would be applied ({found[: plan_hash.SHORT]}) is not what was reviewed ({expected[: plan_hash.SHORT]})"
        raise Failure(REFUSED, fact, where=stack, hint="something else was merged in between: review it in a pull request of its own")
    screen.say(f"{stack}: what would be applied is what was reviewed, {found[: plan_hash.SHORT]}")
    return GOOD


def _found(repository: str, commit: str, stack: str) -> str:
    requests = PullRequests(repository, waits=screen.talk)
    number = requests.merged_as(commit)
    if number is None:
        fact = f"{commit[:12]} came with no pull request, so nobody reviewed what it does"
        raise Failure(REFUSED, fact, where=stack, hint="revert it and open a pull request, or name what you reviewed: --hash")
    found = requests.find(number, MARKER)
    hashes = plan_hash.read(found.body) if found is not None else {}
    if stack not in hashes:
        fact = f"the preview of #{number} has no hash of it: it failed, or was never there"
        raise Failure(REFUSED, fact, where=stack, hint="agentmem preview --against main --json tells it: --hash")
    return hashes[stack]
