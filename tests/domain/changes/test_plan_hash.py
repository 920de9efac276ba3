"""The hash of what was reviewed: it follows plan and stack file, nothing else, and a comment carries it where nobody can forge it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from infra.domain.changes import comment, plan_hash, report as reports
from infra.domain.changes.report import Report, StackReport
from infra.domain.registrations import Plan, Registration

SKU = {"name": "a", "tier": "b"}
SERVER = Registration(urn="u::server", type="azure-native:dbforpostgresql:Server", name="server", inputs={"sku": SKU})
GROUP = Registration(urn="u::group", type="azure-native:resources:ResourceGroup", name="group")
PLAN = Plan(stack="prod", registrations=(GROUP, SERVER))
VALUES = {"environment": "prod", "vector_sets": [{"table": "a", "dimensions": 3}], "memory": {"session_days": 90}}
HASH = plan_hash.of_stack(PLAN, VALUES)


def test_equal_plans_have_equal_hashes_whatever_the_order_of_their_keys() -> None:
    turned = replace(SERVER, inputs={"sku": {"tier": "b", "name": "a"}})
    values = dict(reversed(VALUES.items()))
    assert plan_hash.of_stack(replace(PLAN, registrations=(GROUP, turned)), values) == HASH
    assert plan_hash.of_stack(Plan.from_json(PLAN.to_json()), VALUES) == HASH


def test_every_change_of_plan_or_file_changes_the_hash() -> None:
    bigger = replace(SERVER, inputs={"sku": {"name": "c", "tier": "b"}})
    others = [
        plan_hash.of_stack(replace(PLAN, registrations=(GROUP, bigger)), VALUES),
        plan_hash.of_stack(replace(PLAN, registrations=(GROUP, replace(SERVER, protect=True))), VALUES),
        plan_hash.of_stack(replace(PLAN, registrations=(GROUP,)), VALUES),
        plan_hash.of_stack(replace(PLAN, registrations=(SERVER, GROUP)), VALUES),
        plan_hash.of_stack(replace(PLAN, stack="uat"), VALUES),
        plan_hash.of_stack(PLAN, {**VALUES, "memory": {"session_days": 30}}),
        plan_hash.of_stack(PLAN, {**VALUES, "vector_sets": []}),
    ]
    assert len({HASH, *others}) == 1 + len(others)


def test_dates_and_half_characters_have_a_hash_too() -> None:
    assert plan_hash.is_whole(plan_hash.of_stack(PLAN, {"until": date(2027, 1, 1), "reason": "\ud800"}))


def test_a_comment_carries_the_hashes_of_every_stack_also_of_the_quiet() -> None:
    quiet = StackReport(stack="dev", plan_hash="d" * 64)
    failed = reports.not_judged("uat", "the program fails")
    text = comment.markdown(Report(stacks=(quiet, failed, StackReport(stack="prod", plan_hash=HASH)), compared="main to this"))
    assert plan_hash.read(text) == {"dev": "d" * 64, "prod": HASH}
    assert plan_hash.read(text.replace("\n", "\r\n")) == plan_hash.read(text)
    assert f"prod {HASH[:12]}" in text


def test_a_marker_elsewhere_in_the_comment_is_not_believed() -> None:
    forged = plan_hash.marker({"prod": "f" * 64})
    note = StackReport(stack="prod", plan_hash=HASH, failed=f"x\n{forged}", notes=(forged,))
    assert plan_hash.read(comment.markdown(Report(stacks=(note,), compared=forged))) == {"prod": HASH}
    assert plan_hash.read(f"{comment.MARKER}\n# a verdict\n{forged}\n") == {}
    assert plan_hash.read(f"{comment.MARKER}\n{forged} and more\n") == {}
    assert plan_hash.read("") == {}


def test_without_a_captured_plan_there_is_no_hash() -> None:
    text = comment.markdown(Report(stacks=(reports.not_judged("prod", "cut short"),), compared=""))
    assert "agentmem-reviewed" not in text
    assert StackReport(stack="prod").as_json()["plan_hash"] is None
    assert plan_hash.marker({}) == ""


def test_only_a_whole_hash_is_whole() -> None:
    assert [plan_hash.is_whole(text) for text in (HASH, HASH[:12], HASH.upper(), f"{HASH}\n", "")] == [True, False, False, False, False]
