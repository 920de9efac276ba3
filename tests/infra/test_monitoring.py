"""Logs and metrics: all of them, to a workspace that keeps query text no longer than it must."""

from __future__ import annotations

import pytest

from tests.infra.plans import plan_of


@pytest.mark.parametrize(("stack", "pooler"), [("dev", False), ("prod", True)])
def test_every_category_is_sent_and_the_poolers_where_there_is_one(stack: str, pooler: bool) -> None:
    plan = plan_of(stack)
    inputs = plan.find("memory-monitoring-diagnostics").inputs
    sent = {item["category"] for item in inputs["logs"] if item["enabled"]}
    assert {"PostgreSQLLogs", "PostgreSQLFlexSessions", "PostgreSQLFlexQueryStoreRuntime"} <= sent
    assert ("PostgreSQLFlexPGBouncer" in sent) is pooler
    assert inputs["metrics"] == [{"category": "AllMetrics", "enabled": True}]
    assert inputs["resourceUri"] == plan.outputs["server_id"]
    assert inputs["workspaceId"] == plan.outputs["workspace_id"]


def test_query_text_is_not_kept_longer_than_the_least() -> None:
    inputs = plan_of("prod").find("memory-monitoring-workspace").inputs
    assert (inputs["sku"], inputs["retentionInDays"]) == ({"name": "PerGB2018"}, 30)
