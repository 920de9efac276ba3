"""`agentmem comment` and `agentmem reviewed` against a server that speaks GitHub's pages: one comment, in place, believed only if ours."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.domain.changes import comment as comments, plan_hash
from infra.domain.changes.comment import MARKER
from infra.domain.changes.report import Report, StackReport
from infra.domain.environment import STACKS
from scripts import comment
from scripts.edges import pull_request
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, GOOD, REFUSED, UNREACHABLE, USAGE, Exit, Failure
from scripts.edges.pull_request import PullRequests
from scripts.preview import hash_of
from tests.scripts.github_pages import BOT, REPOSITORY, GitHub

TOKEN = "ghs_made-up-token-of-a-test"
BODY = f"{MARKER}\n## nothing changes\n"
COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("GITHUB_API_URL", server.address)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setattr(pull_request, "_FIRST_WAIT", 0.01)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _put(seconds: float = 5.0, body: str = BODY) -> str:
    return PullRequests(REPOSITORY, seconds=seconds).put(7, MARKER, body)


def _refused(code: Exit, seconds: float = 5.0) -> str:
    with pytest.raises(Failure) as caught:
        _put(seconds)
    assert caught.value.code is code, caught.value
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_the_first_time_a_comment_is_made(github: GitHub) -> None:
    assert _put() == "made"
    assert [each["body"] for each in github.comments] == [BODY]
    assert github.tokens == {f"Bearer {TOKEN}"}


def test_ours_is_found_on_the_third_page_and_changed_in_place(github: GitHub) -> None:
    for number in range(300):
        github.says(f"looks good {number}", "ann")
    github.comments[250].update(user={"login": BOT}, body=f"{MARKER}\n# STOP: this deletes what holds data\n")
    assert _put() == "updated"
    assert len(github.comments) == 300
    assert github.comments[250]["body"] == BODY
    assert github.writes == [("PATCH", "/repos/acme/memory/issues/comments/1250")]


def test_what_it_says_already_is_not_written_again(github: GitHub) -> None:
    github.says(BODY.replace("\n", "\r\n").strip())
    assert _put() == "stands"
    assert github.writes == []


def test_what_somebody_else_wrote_is_left_alone_whatever_marker_it_has(github: GitHub) -> None:
    for author in ("mallory", None):
        github.says(BODY, author)
    github.says(f"> quoted:\n{BODY}")
    assert _put() == "made"
    assert [each["user"] for each in github.comments] == [{"login": "mallory"}, None, {"login": BOT}, {"login": BOT}]


def test_nothing_is_ever_deleted(github: GitHub) -> None:
    for _ in range(3):
        github.says(f"{MARKER}\nold\n")
    assert _put() == "updated"
    assert [each["body"] for each in github.comments] == [BODY, f"{MARKER}\nold\n", f"{MARKER}\nold\n"]


def test_a_write_whose_answer_was_lost_is_not_done_twice(github: GitHub) -> None:
    github.lost_writes = 1
    assert _put() == "stands"
    assert len(github.comments) == 1
    assert len(github.writes) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        (502, {}, "bad gateway"),
        (429, {"Retry-After": "0"}, "slow down"),
        (403, {"Retry-After": "0"}, '{"message": "You have exceeded a secondary rate limit"}'),
    ],
    ids=["502", "429", "403 secondary"],
)
def test_trouble_that_passes_is_waited_for(github: GitHub, trouble: tuple[int, dict[str, str], str]) -> None:
    github.troubles = [trouble, trouble]
    assert _put() == "made"
    assert len(github.comments) == 1


def test_a_primary_limit_is_waited_for_until_its_moment(github: GitHub) -> None:
    later = str(int(time.time()) + 1)
    github.troubles = [(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": later}, "API rate limit exceeded")]
    assert _put() == "made"


def test_a_limit_beyond_the_deadline_ends_at_once(github: GitHub) -> None:
    github.troubles = [(403, {}, '{"message": "You have exceeded a secondary rate limit"}')]
    began = time.monotonic()
    assert "asks to wait: its rate limit is reached" in _refused(BUSY)
    assert time.monotonic() - began < 3


def test_trouble_that_stays_ends_at_the_deadline(github: GitHub) -> None:
    github.troubles = [(503, {}, "")] * 1000
    assert "is in trouble (status 503)" in _refused(UNREACHABLE, seconds=0.3)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (401, REFUSED, "GITHUB_TOKEN may not do this"),
        (403, REFUSED, "GITHUB_TOKEN may not do this\nhint: permissions: pull-requests: write"),
        (404, REFUSED, "there is no such pull request, or GITHUB_TOKEN may not see it"),
        (301, BAD, "the repository moved, and the token is not sent after it"),
        (422, BAD, "GitHub answers with status 422"),
    ],
)
def test_what_will_not_get_better_is_told(github: GitHub, status: int, code: Exit, says: str) -> None:
    github.troubles = [(status, {"Location": f"{github.address}/elsewhere"}, f"{TOKEN} <script>")]
    assert says in _refused(code)
    assert len(github.asked) == 1


@pytest.mark.parametrize("text", ["<html>", '{"message": "a proxy"}', "[1]", "[" * 100_000], ids=["html", "object", "numbers", "deep"])
def test_nonsense_is_no_empty_list(github: GitHub, text: str) -> None:
    github.troubles = [(200, {}, text)]
    assert "GitHub's answer is no" in _refused(BAD)
    assert github.writes == []


def test_pages_that_never_end_are_left(github: GitHub) -> None:
    github.endless = True
    for _ in range(100):
        github.says("again", "ann")
    assert "more than 10000 comments" in _refused(BAD, seconds=30)


@pytest.mark.parametrize("address", ["http://api.example.org", "ftp://127.0.0.1", "https://ann@example.org", "https://", "api.github.com"])
def test_the_token_goes_nowhere_without_tls(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", address)
    with pytest.raises(Failure, match="GITHUB_API_URL is no address with https") as caught:
        PullRequests(REPOSITORY)
    assert caught.value.code is CONFIGURATION


def test_without_a_token_nothing_is_asked(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "GITHUB_TOKEN is not set" in _refused(CONFIGURATION)
    assert github.asked == []


@pytest.mark.parametrize("repository", ["memory", "acme/memory/x", "acme/..", "acme/../x", "a b/c", "/x", "acme/x?y", "acme/x#y"])
def test_a_repository_is_an_owner_and_a_name(github: GitHub, repository: str) -> None:
    with pytest.raises(Failure, match="not OWNER/NAME"):
        PullRequests(repository)


def test_a_failed_preview_replaces_the_last_good_comment(github: GitHub) -> None:
    github.says(comments.markdown(Report(stacks=(StackReport(stack="prod", plan_hash="a" * 64),), compared="main to this")))
    assert comment.post(REPOSITORY, 7, file=None, failed="it broke off: <b>@ann</b>") == GOOD
    (there,) = github.comments
    assert "this preview failed for dev, test, staging, uat, prod" in there["body"]
    assert "<b>" not in there["body"] and "@ann" not in there["body"]
    assert plan_hash.read(there["body"]) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [("## nothing", "is no comment of a preview"), (MARKER + "x" * 65_536, "65,561 characters, at most"), (None, "cannot be read")],
    ids=["other", "long", "none"],
)
def test_a_file_that_is_no_comment_is_not_sent(github: GitHub, tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "comment.md"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(Failure, match=says) as caught:
        comment.post(REPOSITORY, 7, file=file, failed="")
    assert caught.value.code is USAGE
    assert github.asked == []


def test_the_command_tells_what_it_did_and_never_the_token(github: GitHub, tmp_path: Path, root: Path) -> None:
    (tmp_path / "comment.md").write_text(BODY, encoding="utf-8")
    command = [sys.executable, "-m", "scripts.cli", "comment", "--repository", REPOSITORY, "--number", "7", "--file", "comment.md"]
    environment = {**os.environ, "PYTHONPATH": str(root), "AGENTMEM_TRACEBACK": "1"}
    for said in ("acme/memory #7: the comment was made\n", "acme/memory #7: the comment says so already\n"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (GOOD, said, "")
    github.troubles = [(401, {}, TOKEN)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == REFUSED
    assert TOKEN not in done.stdout + done.stderr


# What was merged, against what was reviewed.


@pytest.fixture(scope="module")
def now(root: Path) -> str:
    return hash_of("dev", root)


def _reviewed(root: Path, given: str | None = None, *, commit: str | None = COMMIT) -> int:
    asked = (None, None) if given is not None else (REPOSITORY, commit)
    return comment.reviewed("dev", lambda: hash_of("dev", root), given=given, repository=asked[0], commit=asked[1])


def _merged(github: GitHub, **changes: object) -> None:
    github.pulls = [{"number": 7, "merged_at": "2026-11-21T10:00:00Z", "merge_commit_sha": COMMIT, **changes}]


def _comment(**hashes: str) -> str:
    return comments.markdown(Report(stacks=tuple(StackReport(stack=name, plan_hash=text) for name, text in hashes.items()), compared="x"))


def test_what_was_reviewed_may_be_applied(github: GitHub, root: Path, now: str, capsys: pytest.CaptureFixture[str]) -> None:
    _merged(github)
    github.says(_comment(dev=now, prod="b" * 64))
    assert _reviewed(root) == GOOD
    assert _reviewed(root, given=f" {now.upper()} ") == GOOD
    assert capsys.readouterr().out.splitlines()[0] == f"dev: what would be applied is what was reviewed, {now[:12]}"


def test_what_was_not_reviewed_is_refused(github: GitHub, root: Path, now: str) -> None:
    _merged(github)
    github.says(_comment(dev="b" * 64))
    with pytest.raises(Failure, match=rf"what would be applied \({now[:12]}\) is not what was reviewed \(bbbbbbbbbbbb\)") as caught:
        _reviewed(root)
    assert caught.value.code is REFUSED


@pytest.mark.parametrize("says", ["nothing", "another stack", "somebody else", "a failure"])
def test_without_a_reviewed_hash_of_ours_nothing_is_applied(github: GitHub, root: Path, now: str, says: str) -> None:
    _merged(github)
    if says == "another stack":
        github.says(_comment(prod=now))
    elif says == "somebody else":
        github.says(_comment(dev=now), "mallory")
    elif says == "a failure":
        github.says(comment.failure("it broke off"))
    with pytest.raises(Failure, match="the preview of #7 has no hash of it") as caught:
        _reviewed(root)
    assert caught.value.code is REFUSED


@pytest.mark.parametrize("pulls", [None, {"merged_at": None}, {"merge_commit_sha": "d" * 40}], ids=["none", "open", "other"])
def test_a_commit_that_came_with_no_pull_request_is_refused(github: GitHub, root: Path, pulls: dict[str, object] | None) -> None:
    if pulls is not None:
        _merged(github, **pulls)
    with pytest.raises(Failure, match="c0ffee000000 came with no pull request") as caught:
        _reviewed(root)
    assert caught.value.code is REFUSED


@pytest.mark.parametrize(
    ("given", "commit", "says"),
    [("abc", None, "--hash is not 64 hex digits"), (None, "main", "'main', not a whole hash"), (None, None, "name the reviewed hash")],
)
def test_half_a_question_is_a_mistake(github: GitHub, root: Path, given: str | None, commit: str | None, says: str) -> None:
    with pytest.raises(Failure, match=says) as caught:
        _reviewed(root, given, commit=commit)
    assert caught.value.code is USAGE


def test_every_stack_of_a_failure_is_named() -> None:
    assert all(stack in comment.failure("cut short") for stack in STACKS)
