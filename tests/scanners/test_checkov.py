"""The real Checkov on the program as an ARM template: it reads every resource, finds what was planted, and nothing in prod."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.domain.arm_template import template
from infra.domain.registrations import Plan, Registration
from tests.builders import LONG_TERM
from tests.infra.plans import plan_of

ROOT = Path(__file__).resolve().parents[2]
CHECKOV = ROOT / ".tools" / "bin" / "checkov"
PINS = ROOT / "tools" / "checkov" / "requirements.txt"
# Failures of prod that are meant, with the reason; a scanner that says something new has to be listened to.
ACCEPTED: dict[str, str] = {}
OPEN_SSH = {
    "name": "planted", "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 200, "sourceAddressPrefix": "*",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22",
}  # fmt: skip
# What was planted, and the check that must name it: in a list inside a resource, in a flattened resource, in one that is not.
PLANTED = {
    "CKV_AZURE_10": "Microsoft.Network/networkSecurityGroups.nsg-zepmem-prod",
    "CKV_AZURE_3": "Microsoft.Storage/storageAccounts.planted",
    "CKV_AZURE_110": "Microsoft.KeyVault/vaults.planted",
}


@dataclass(frozen=True)
class Scan:
    """What Checkov said in one run over several templates."""

    code: int
    report: dict[str, Any]
    templates: dict[str, dict[str, Any]]

    def failed(self, name: str) -> dict[str, str]:
        """The resource by the id of the check that it fails, in one template."""
        found = self.report["results"]["failed_checks"]
        return {each["check_id"]: each["resource"] for each in found if each["file_path"].endswith(f"{name}.json")}


def _thing(type_: str, **inputs: Any) -> Registration:
    whole = {"resourceGroupName": "rg-zepmem-prod", "location": "westeurope", **inputs}
    return Registration(urn=f"urn:pulumi:prod::agent-memory::{type_}::planted", type=type_, name="planted", inputs=whole)


def _weak(plan: Plan) -> Plan:
    """The plan with three weaknesses."""
    group = plan.find("memory-network-security-group")
    opened = replace(group, inputs={**group.inputs, "securityRules": [*group.inputs["securityRules"], OPEN_SSH]})
    account = _thing("azure-native:storage:StorageAccount", accountName="planted", kind="StorageV2", enableHttpsTrafficOnly=False)
    vault = _thing("azure-native:keyvault:Vault", vaultName="planted", properties={"enableSoftDelete": True, "tenantId": "t"})
    rest = tuple(opened if item is group else item for item in plan.registrations)
    return replace(plan, registrations=(*rest, account, vault))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One run, without a way out to any other machine, and without the account of whoever runs the tests."""
    if not CHECKOV.exists():
        pytest.skip("no Checkov is installed: make tools")
    folder = tmp_path_factory.mktemp("templates")
    plans = {
        "dev": plan_of("dev"),
        "prod": plan_of("prod"),
        "vault": plan_of("prod", {"backup.long_term": LONG_TERM}),
        "weak": _weak(plan_of("prod")),
    }
    templates = {name: template(plan) for name, plan in plans.items()}
    for name, made in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(made, indent=2), encoding="utf-8")
    files = [part for name in templates for part in ("-f", str(folder / f"{name}.json"))]
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [CHECKOV, *files, "--framework", "arm", "--output", "json", "--skip-download"], cwd=folder, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_LEVEL": "ERROR", **nowhere}, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return Scan(done.returncode, json.loads(done.stdout), templates)


def test_every_resource_was_read(scan: Scan) -> None:
    summary = scan.report["summary"]
    assert summary["parsing_errors"] == 0
    assert summary["resource_count"] == sum(len(made["resources"]) for made in scan.templates.values())
    passed = {(each["check_id"], each["resource"]) for each in scan.report["results"]["passed_checks"] if each["file_path"] == "/prod.json"}
    assert {("CKV_AZURE_10", PLANTED["CKV_AZURE_10"]), ("CKV_AZURE_183", "Microsoft.Network/virtualNetworks.vnet-zepmem-prod")} <= passed


def test_what_was_planted_is_found_by_name(scan: Scan) -> None:
    assert scan.code == 1
    assert PLANTED.items() <= scan.failed("weak").items()


@pytest.mark.parametrize("stack", ["dev", "prod", "vault"])
def test_an_environment_has_nothing_that_is_not_accepted(scan: Scan, stack: str) -> None:
    assert {check: resource for check, resource in scan.failed(stack).items() if check not in ACCEPTED} == {}


def test_checkov_is_pinned_with_hashes_and_names_no_host() -> None:
    pins = PINS.read_text(encoding="utf-8")
    wanted = PINS.with_suffix(".in").read_text(encoding="utf-8").splitlines()[-1]
    assert f"\n{wanted} " in pins
    assert "://" not in pins
    entries = [entry for entry in pins.replace("\\\n", "").splitlines() if "==" in entry]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
