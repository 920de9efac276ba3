"""What people do with az to servers works on the local Azure, and sees what the program made there."""

from __future__ import annotations

import json

import pytest

from infra.domain import names, sizing
from infra.domain.azure import skus
from infra.domain.server_parameters import desired
from scripts.edges import stack_file
from scripts.local_azure.serve import LocalAzure
from tests.az.conftest import AzureCli, Outside
from tests.az.installation import ROOT

DEV, UAT = stack_file.read("dev", ROOT), stack_file.read("uat", ROOT)
IN_DEV, IN_UAT = (("-g", names.resource_group(each)) for each in (DEV, UAT))
ON_UAT = (*IN_UAT, "-s", UAT.server.name)
ON_DEV = (*IN_DEV, "-s", DEV.server.name)
SECOND = "zepmem-second"
ON_SECOND = (*IN_UAT, "-s", SECOND)


@pytest.fixture(scope="module")
def second(cli: AzureCli) -> dict[str, str]:
    """A second server with every value of the shipped uat environment, in the network that the first one lives in."""
    values = {
        "--location": UAT.location, "--version": str(UAT.server.version), "--sku-name": UAT.server.sku, "--tier": sizing.sku_of(UAT).tier,
        "--storage-size": str(UAT.storage.size_gib), "--storage-auto-grow": "Enabled", "--zonal-resiliency": "Enabled",
        "--zone": str(UAT.server.zone), "--standby-zone": str(UAT.availability.standby_zone),
        "--backup-retention": str(UAT.backup.retention_days), "--geo-redundant-backup": "Enabled",
        "--admin-user": UAT.access.administrator or "", "--admin-password": "By-hand-1-not-a-secret",
        "--vnet": names.virtual_network(UAT), "--subnet": names.subnet(UAT), "--private-dns-zone": names.private_zone(UAT),
    }  # fmt: skip
    made: dict[str, str] = cli.answer("create", *IN_UAT, "-n", SECOND, *(word for pair in values.items() for word in pair), "--yes")
    return made


def test_the_profile_is_what_az_itself_makes_of_the_same_wish(cli: AzureCli, azure: LocalAzure) -> None:
    own = azure.state / "az-itself"
    by_itself = AzureCli(cli.command, {**cli.environment, "AZURE_CONFIG_DIR": str(own)}, cli.folder)
    url, cloud = cli.environment["AGENTMEM_ARM_ENDPOINT"], cli.environment["AZURE_CLOUD_NAME"]
    ends = {"resource-manager": "/", "management": "/", "active-directory": "/aad", "active-directory-resource-id": "/"}
    words = (word for name, path in ends.items() for word in (f"--endpoint-{name}", url + path))
    registered = by_itself.run("cloud", "register", "-n", cloud, *words, "--skip-endpoint-discovery")
    assert registered.code == 0, registered.said
    login = by_itself.run("login", "--identity")
    assert login.code == 0, login.said
    ours, theirs = (
        json.loads((folder / "azureProfile.json").read_text("utf-8-sig")) for folder in (azure.state / "azure-cli", own)
    )  # fmt: skip
    assert theirs["subscriptions"] == ours["subscriptions"]
    written = (azure.state / "azure-cli" / "clouds.config").read_text().splitlines()
    assert [line for line in (own / "clouds.config").read_text().splitlines() if line not in written] == []


def test_az_lists_what_the_program_made(cli: AzureCli) -> None:
    done = cli.server("list", "-o", "table")
    assert done.code == 0, done.said
    rows = [line.split() for line in done.out.splitlines()[2:]]
    assert sorted((row[0], row[1]) for row in rows) == [
        (each.server.name, names.resource_group(each)) for each in (DEV, UAT)
    ]  # fmt: skip


def test_az_shows_the_server_as_it_was_declared(cli: AzureCli) -> None:
    shown = cli.answer("show", *IN_UAT, "-n", UAT.server.name)
    assert shown["sku"] == {"name": UAT.server.sku, "tier": sizing.sku_of(UAT).tier}
    assert shown["storage"]["storageSizeGb"] == UAT.storage.size_gib
    assert shown["highAvailability"] | {"standbyAvailabilityZone": str(UAT.availability.standby_zone)} == shown["highAvailability"]
    assert (shown["highAvailability"]["mode"], shown["highAvailability"]["state"]) == ("ZoneRedundant", "Healthy")
    assert shown["backup"]["backupRetentionDays"] == UAT.backup.retention_days
    assert shown["network"]["delegatedSubnetResourceId"].endswith(f"/subnets/{names.subnet(UAT)}")
    assert shown["fullyQualifiedDomainName"] == names.server_host(UAT)


def test_az_sees_the_parameters_that_the_program_set(cli: AzureCli) -> None:
    shown = {each["name"]: each["value"] for each in cli.answer("parameter list", *ON_UAT)}
    wanted = {each.name: each.value for each in desired(UAT)}
    assert {name: shown[name] for name in wanted} == wanted
    assert len(shown) > 500


def test_a_parameter_is_set_and_shown_and_a_static_one_waits_for_the_restart(cli: AzureCli) -> None:
    assert cli.answer("parameter set", *ON_DEV, "-n", "max_locks_per_transaction", "-v", "128")["isConfigPendingRestart"] is True
    cli.answer("restart", *IN_DEV, "-n", DEV.server.name)
    shown = cli.answer("parameter show", *ON_DEV, "-n", "max_locks_per_transaction")
    assert (shown["value"], shown["source"], shown["isConfigPendingRestart"]) == ("128", "user-override", False)


def test_the_lock_that_the_program_set_keeps_a_server_from_az(cli: AzureCli) -> None:
    done = cli.server("delete", *IN_UAT, "-n", UAT.server.name, "--yes")
    assert done.code == 1
    assert {line.partition(" ")[0] for line in done.errors} == {"(ScopeLocked)"}


def test_a_database_is_made_and_listed(cli: AzureCli) -> None:
    cli.answer("db create", *ON_DEV, "-n", "extra")
    assert {DEV.database.name, "extra"} <= {each["name"] for each in cli.answer("db list", *ON_DEV)}


def test_a_firewall_rule_is_made_and_listed(cli: AzureCli) -> None:
    cli.answer("firewall-rule create", *ON_DEV, "-n", "office", "--start-ip-address", "203.0.113.7", "--end-ip-address", "203.0.113.9")
    (rule,) = [each for each in cli.answer("firewall-rule list", *ON_DEV) if each["name"] == "office"]
    assert (rule["startIpAddress"], rule["endIpAddress"]) == ("203.0.113.7", "203.0.113.9")


def test_az_is_offered_the_skus_that_the_rules_know(cli: AzureCli) -> None:
    (offered,) = cli.answer("list-skus", "-l", UAT.location)
    assert {sku["name"] for edition in offered["supportedServerEditions"] for sku in edition["supportedServerSkus"]} == set(skus.SKUS)


def test_az_accepts_the_values_of_uat_for_a_second_server(cli: AzureCli, second: dict[str, str]) -> None:
    assert second["host"] == f"{SECOND}.postgres.database.azure.com"
    servers = {each["name"]: each for each in cli.answer("list", *IN_UAT)}
    first, other = servers[UAT.server.name], servers[SECOND]
    for section in ("sku", "storage", "highAvailability", "network", "availabilityZone", "version"):
        assert other[section] == first[section], section


def test_backups_are_made_listed_and_deleted(cli: AzureCli, second: dict[str, str]) -> None:
    made = cli.answer("backup create", *ON_SECOND, "-n", "by-hand")
    assert (made["name"], made["backupType"]) == ("by-hand", "Customer On-Demand")
    assert "by-hand" in {each["name"] for each in cli.answer("backup list", *ON_SECOND)}
    cli.answer("backup delete", *ON_SECOND, "-n", "by-hand", "--yes")


def test_restoring_says_in_one_line_that_it_is_not_played_yet(cli: AzureCli, second: dict[str, str]) -> None:
    done = cli.server("restore", *IN_UAT, "-n", "restored", "--source-server", SECOND)
    assert (done.code, done.errors) == (1, ["(NotPlayedLocally) createMode PointInTimeRestore is not played yet by the local Azure"])


def test_a_deleted_server_is_gone(cli: AzureCli, second: dict[str, str]) -> None:
    cli.answer("delete", *IN_UAT, "-n", SECOND, "--yes")
    shown = cli.server("show", *IN_UAT, "-n", SECOND)
    assert shown.code == 3
    assert [line.partition(" ")[0] for line in shown.errors] == ["(ResourceNotFound)"]


def test_a_refusal_at_once_is_one_line(cli: AzureCli) -> None:
    done = cli.server("parameter set", *ON_DEV, "-n", "work_mem", "-v", "1")
    assert (done.code, done.errors) == (1, ["(InvalidParameterValue) work_mem: 1 is not one of 4096-2097151"])


def test_a_refusal_that_comes_only_in_the_poll_is_one_line(cli: AzureCli) -> None:
    """az's own command refuses it without asking (wire/server.md 10 has what the service says); its generic one asks."""
    wanted = json.dumps({"highAvailability": {"mode": "ZoneRedundant"}})
    server = ("--resource-type", "Microsoft.DBforPostgreSQL/flexibleServers", "-n", DEV.server.name)
    done = cli.run("resource", "patch", *IN_DEV, *server, "-p", wanted)
    said = f"(HANotSupportedForBurstableSkuWithMoreInfo) High availiability not supported for burstable server [{DEV.server.name}]."
    assert (done.code, done.errors) == (1, [said])


def test_an_operation_that_fails_is_told_in_one_line(cli: AzureCli, azure: LocalAzure) -> None:
    azure.fault(
        {"effect": "fail", "method": "POST", "pattern": f"*/{DEV.server.name}/restart", "code": "ServerIsBusy", "message": "at work"}
    )
    done = cli.server("restart", *IN_DEV, "-n", DEV.server.name)
    assert (done.code, done.errors) == (1, ["(ServerIsBusy) at work"])


def test_az_has_a_token_for_an_entra_login(cli: AzureCli) -> None:
    done = cli.run("account", "get-access-token", "--resource-type", "oss-rdbms", "--query", "tokenType", "-o", "tsv")
    assert (done.code, done.out) == (0, "Bearer\n"), done.said


def test_a_group_is_looked_into_and_deleted_with_all_that_is_in_it(cli: AzureCli, azure: LocalAzure) -> None:
    listed = cli.run("resource", "list", *IN_DEV, "--query", "[].name")
    assert DEV.server.name in json.loads(listed.out), listed.said
    done = cli.run("group", "delete", *IN_DEV, "--yes")
    assert done.code == 0, done.said
    assert names.server_host(DEV) not in azure.hosts()


def test_nobody_but_the_local_azure_was_asked(cli: AzureCli, outside: Outside) -> None:
    """The last test of the file: it speaks for all of the commands above, and az looks for a newer version in the first one."""
    assert len(cli.seconds) > 0
    assert outside.asked == []
