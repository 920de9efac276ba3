"""The comment says the worst first, fits, hides what is secret, and nothing of a plan becomes markup in it."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest

from infra.domain.changes import comment, engine, report, steps, told
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.classify import classify
from infra.domain.changes.report import Report, StackReport
from infra.domain.environment import Override
from tests.domain.changes.contracts import edited, shipped
from tests.domain.changes.corpus import CASES, old

SERVER = "azure-native:dbforpostgresql:Server"
TODAY = datetime.date(2026, 11, 21)
SECRET = "Planted-7d1e-Never-to-be-seen"
CIPHERTEXT = "v1:kLmN0pQrStUvWxYz:AbCdEfGhIjKlMnOpQrStUvWxYz0123=="
NASTY = "<img src=x onerror=1> [click](http://evil.test) @everyone #1 www.evil.test `x` **b** | $x$ :boom:\n# heading <!-- end"


def _change(danger: Danger = Danger.HARMLESS, number: int = 0, **values: Any) -> Change:
    given: dict[str, Any] = {
        "urn": f"urn:pulumi:prod::agent-memory::a:b:Thing::thing-{number}", "type": "a:b:Thing", "operation": Operation.UPDATE,
        "danger": danger, "path": "p", "old": 1, "new": 2, "why": f"because of {number}", "instead": "another way " * 10,
    }  # fmt: skip
    return Change(**{**given, **values})


def _report(*changes: Change, stack: str = "prod") -> Report:
    return Report(stacks=(report.of_stack(stack, changes, today=TODAY),), compared="main to this")


def _case(name: str, stack: str = "prod") -> StackReport:
    case = next(each for each in CASES if each.name == name)
    return report.of_stack(stack, classify(steps.of_plans(old(), case.new)), today=TODAY)


def test_the_replacement_of_the_server_is_the_loudest_thing_that_is_said() -> None:
    text = comment.markdown(Report(stacks=(_case("another location"),), compared=""))
    lines = text.splitlines()
    assert lines[0] == comment.MARKER
    assert lines[1] == "# ⛔ STOP: this deletes what holds data in prod"
    assert "> [!CAUTION]" in lines
    assert "would be replaced, which deletes it: the server and all of its backups" in text
    louder = [
        each.name for each in CASES if comment.markdown(Report(stacks=(_case(each.name),), compared="")).startswith(lines[0] + "\n# ")
    ]
    assert {each.danger for each in CASES if each.name in louder} == {Danger.DATA_LOSS}


def test_a_replacement_with_several_guilty_properties_is_one_line() -> None:
    changes = [_change(Danger.OUTAGE, path=path, operation=Operation.REPLACE) for path in ("one", "two")]
    lines = [line for line in comment.markdown(_report(*changes)).splitlines() if "because of 0" in line]
    assert len(lines) == 1
    assert "<code>one</code> <code>two</code>" in lines[0]


def test_stacks_that_do_not_change_are_one_line() -> None:
    stacks = (*(report.of_stack(name, (), old=shipped(name), new=shipped(name), today=TODAY) for name in ("dev", "uat")), _case("no TLS"))
    text = comment.markdown(Report(stacks=stacks, compared=""))
    assert "Nothing changes in dev, uat." in text
    assert "### ✅ dev" not in text


def test_when_nothing_changes_the_comment_still_says_so() -> None:
    stacks = tuple(report.of_stack(name, (), old=shipped(name), new=shipped(name), today=TODAY) for name in ("dev", "prod"))
    text = comment.markdown(Report(stacks=stacks, compared=""))
    assert text.splitlines()[:2] == [comment.MARKER, "## ✅ nothing changes"]


def test_a_failed_preview_is_never_no_changes() -> None:
    found = Report(stacks=(report.not_judged("prod", "the program fails"),), compared="")
    text = comment.markdown(found)
    assert "this preview failed for prod" in text.splitlines()[1]
    assert "the program fails" in text
    assert "nothing changes" not in text.lower()
    assert (found.stops, found.worst) == (True, Danger.UNKNOWN)


def test_nothing_of_a_plan_becomes_markup() -> None:
    text = comment.markdown(_report(_change(Danger.OUTAGE, old=NASTY, new=NASTY, why=NASTY, path=NASTY, instead=NASTY)))
    assert set(re.findall(r"<[^>\n]*>", text)) <= {
        comment.MARKER, "<code>", "</code>", "<details>", "</details>", "<summary>", "</summary>"
    }  # fmt: skip
    for markup in ("](", "http://", "www.", "@everyone", " #1", "`x`", "**b**", "$x$", ":boom:", "\n# heading"):
        assert markup not in text, markup
    # An entity alone does not keep GitHub from calling people: something must stand in between.
    assert "&#64;everyone" not in re.sub(r"<code>.*?</code>", "", text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("administratorLoginPassword", SECRET),
        ("settings", {"deep": [{"clientSecret": SECRET}]}),
        ("url", f"postgresql://cogadmin:{SECRET}@somewhere/zep"),
        ("text", f"Server=x;Password={SECRET};"),
        ("config", {"secure": CIPHERTEXT}),
    ],
)
def test_no_secret_and_no_ciphertext_is_in_any_form(path: str, value: Any) -> None:
    secret = CIPHERTEXT if path == "config" else SECRET
    found = _report(_change(Danger.OUTAGE, path=path, old=value, new="x", why=f"it was {secret if path != 'text' else value} before"))
    for text in (comment.markdown(found), "\n".join(told.lines(found)), str(told.document(found)), str(told.page(found))):
        assert secret not in text
        assert "secret" in text


def test_a_preview_with_secrets_in_every_field_shows_none() -> None:
    mark = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": f'"{SECRET}"', "ciphertext": CIPHERTEXT}
    urn = "urn:pulumi:prod::agent-memory::azure-native:dbforpostgresql:Server::memory-server-postgresql"
    fields = ("administratorLoginPassword", "sku", "location", "tags", "version")
    state = {"urn": urn, "type": "azure-native:dbforpostgresql:Server", "custom": True}
    step = {"urn": urn, "op": "update", "oldState": {**state, "inputs": dict.fromkeys(fields, mark)},
            "newState": {**state, "inputs": {"administratorLoginPassword": SECRET, **dict.fromkeys(fields[1:], "plain")}}}  # fmt: skip
    changes = classify(engine.steps_of_preview({"steps": [step], "changeSummary": {"update": 1}}, "agent-memory", "prod"))
    found = _report(*changes)
    for text in (comment.markdown(found), "\n".join(told.lines(found)), str(told.document(found)), str(told.page(found))):
        assert SECRET not in text
        assert CIPHERTEXT not in text
    assert changes


def test_harmless_lines_go_first_and_the_totals_stay() -> None:
    changes = [_change(Danger.HARMLESS, number, why="words " * 60) for number in range(300)]
    changes += [_change(Danger.DATA_LOSS, 1000 + number) for number in range(20)]
    text = comment.markdown(_report(*changes))
    assert len(text) <= comment.MOST_CHARACTERS
    assert "20 data-loss, 300 harmless" in text
    assert all(f"because of {1000 + number}" in text for number in range(20))
    assert "without a line: 300 harmless" in text


def test_ten_thousand_destructive_changes_fit_and_every_one_is_counted() -> None:
    changes = [_change(Danger.DATA_LOSS, number, operation=Operation.DELETE) for number in range(10_000)]
    text = comment.markdown(_report(*changes, _change(Danger.RESTART, 1)))
    assert len(text) <= comment.MOST_CHARACTERS
    assert "10000 data-loss, 1 restart" in text
    assert "10000 × delete <code>a:b:Thing</code>" in text.replace("&#58;", ":")


def test_ten_thousand_kinds_of_ends_in_five_stacks_still_fit() -> None:
    changes = [
        _change(Danger.DATA_LOSS, number, operation=Operation.DELETE, type=SERVER, path=NASTY * 3 + str(number))
        for number in range(1_000)
    ]  # fmt: skip
    stacks = tuple(report.of_stack(name, changes, today=TODAY) for name in ("dev", "test", "staging", "uat", "prod"))
    text = comment.markdown(Report(stacks=stacks, compared=""))
    assert len(text) <= comment.MOST_CHARACTERS
    assert text.count("1000 data-loss") == 5


@pytest.mark.parametrize(
    ("stack", "dangers"),
    [
        ("prod", {"data-loss", "irreversible", "unknown", "weaker-recovery", "weaker-security"}),
        ("uat", {"data-loss", "irreversible", "unknown", "weaker-recovery", "weaker-security"}),
        ("staging", {"data-loss"}),
        ("dev", {"data-loss"}),
    ],
)
def test_what_stops_depends_on_the_environment(stack: str, dangers: set[str]) -> None:
    assert {str(danger) for danger in Danger if _report(_change(danger), stack=stack).stops} == dangers


def _with_override(name: str, change: str, until: str) -> StackReport:
    case = next(each for each in CASES if each.name == name)
    new = edited(shipped(), "guard", overrides=(Override(change=change, until=until, reason="agreed"),))
    return report.of_stack("prod", classify(steps.of_plans(old(), case.new)), new=new, today=TODAY)


def test_an_exception_lets_its_key_pass_until_its_day() -> None:
    assert not _with_override("no standby", "availability.mode", "2026-11-21").stops
    assert _with_override("no standby", "availability.mode", "2026-11-20").stops
    assert _with_override("no standby", "backup.retention_days", "2026-12-31").stops
    allowed = _with_override("no standby", "availability.mode", "2026-12-31")
    assert "allowed until 2026-12-31: agreed" in comment.markdown(Report(stacks=(allowed,), compared=""))


def test_no_exception_lets_the_end_of_the_server_pass() -> None:
    assert _with_override("another administrator", "access.administrator", "2026-12-31").stops


def test_the_rules_of_transition_speak_in_the_report() -> None:
    new = edited(shipped(), "backup", retention_days=7)
    found = report.of_stack("prod", (), old=shipped(), new=new, today=TODAY)
    assert [problem.rule for problem in found.problems] == ["R5"]
    assert found.stops
    assert "rule R5: backup.retention&#95;days falls from 35 to 7" in comment.markdown(Report(stacks=(found,), compared=""))


def test_the_cost_is_unknown_and_never_a_guess() -> None:
    found = _report(_change(Danger.COSTS_MORE))
    delta = told.document(found)["cost_delta"]
    assert (delta["difference"], delta["why"]) == (None, "unknown: one side has no contract to judge")
    assert "cost per month: unknown" in comment.markdown(found)
