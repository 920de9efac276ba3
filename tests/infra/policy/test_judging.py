"""The policy pack's judgement of registered resources: every face of a rule that properties can trip, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain.check import RULES
from infra.domain.environment import STACKS
from infra.domain.rules.rule import Face
from infra.policy import judging
from infra.policy.judging import Resource, environment_words, kind, together
from infra.policy.partial import UNKNOWN
from tests.infra.plans import plan_of
from tests.infra.policy.resources import BURSTABLE, KEY, REPLICA, SOUND, VNET, firewall, messages, parameter, resource, server

# One resource that trips a face, and how its message begins.
ALONE = {
    "compute.unknown_sku": (server(sku={"name": "GP_Standard_D2s_v3"}), "server.sku is GP_Standard_D2s_v3, which is not a SKU"),
    "compute.unknown_replica_sku": (resource(**{**REPLICA, "sku": {"name": "Standard_D2"}}), "replica.sku is Standard_D2, which"),
    "compute.unknown_region": (server(location="westeurop"), "location is westeurop, which is not a region"),
    "compute.burstable_availability": (
        server(**BURSTABLE, highAvailability={"mode": "SameZone"}),
        "availability.mode is SameZone on Standard_B1ms",
    ),
    "compute.burstable_storage": (
        server(**BURSTABLE, storage={"storageSizeGB": 64, "type": "PremiumV2_LRS"}),
        "storage.kind is PremiumV2_LRS on Standard_B1ms",
    ),
    "compute.burstable_replica": (resource(**{**REPLICA, **BURSTABLE}), "replica.sku is Standard_B1ms: a Burstable server cannot be"),
    "compute.retired_version": (server(version="12"), "server.version is 12, which gets only paid extended support"),
    "availability.zones_of_region": (
        server(location="West US", highAvailability={"mode": "ZoneRedundant"}),
        "availability.mode is ZoneRedundant, but westus has no availability zones",
    ),
    "availability.zones_of_sku": (server(availabilityZone="4"), "server.zone is 4, but Standard_D2s_v3 is offered in zones 1, 2, 3"),
    "availability.standby_zone": (
        server(highAvailability={"mode": "ZoneRedundant", "standbyAvailabilityZone": "1"}),
        "availability.standby_zone is 1, the zone of the primary",
    ),
    "availability.replica_names": (
        resource("VirtualEndpoint", serverName="orders-db", virtualEndpointName="-x-"),
        "replica.virtual_endpoint is -x-",
    ),
    "storage.size": (server(storage={"storageSizeGB": 100}), "storage.size_gib is 100, Premium SSD comes in"),
    "storage.tier": (server(storage={"storageSizeGB": 128, "tier": "P4"}), "storage.performance_tier is P4"),
    "storage.fixed_performance": (server(storage={"storageSizeGB": 128, "iops": 900}), "storage.iops is 900, but on Premium SSD"),
    "storage.second_generation": (
        server(storage={"storageSizeGB": 128, "type": "PremiumV2_LRS", "autoGrow": "Enabled"}),
        "storage.autogrow is true, but a Premium SSD v2",
    ),
    "storage.ultra": (server(storage={"storageSizeGB": 128, "type": "UltraSSD_LRS"}), "storage.kind is UltraSSD_LRS"),
    "storage.late_growth": (server(storage={"storageSizeGB": 2048, "autoGrow": "Enabled"}), "storage.autogrow acts at"),
    "protection.retention": (server(backup={"backupRetentionDays": 45.0}), "backup.retention_days is 45, Azure keeps 7 to 35 days"),
    "protection.geo_without_pair": (
        server(location="Italy North", backup={"geoRedundantBackup": "Enabled"}),
        "backup.geo_redundant is true, but italynorth has no paired region",
    ),
    "protection.unprotected": (resource(protected=False, **SOUND), "guard.protect is false in prod"),
    "network.dns_zone": (
        server(network={**VNET, "privateDnsZoneArmResourceId": "/x/privateDnsZones/orders.example.org"}),
        "network.dns_zone is orders.example.org, it must end in",
    ),
    "network.firewall": (firewall("10.0.0.9", "10.0.0.1"), "network.firewall[0].end is 10.0.0.1, before the start 10.0.0.9"),
    "network.open_firewall": (firewall("0.0.0.0", "255.255.255.255"), "network.firewall[0] is the whole internet"),
    "access.server_name": (server(serverName="Orders_DB"), "server.name is Orders_DB, which Azure does not take"),
    "access.login": (server(administratorLogin="admin"), "access.administrator is admin, which is reserved"),
    "access.authentication": (server(administratorLogin=None), "access.administrator is null, but access.password is true"),
    "access.principals": (
        resource("AdministratorsMicrosoftEntra", serverName="orders-db", objectId="jane"),
        "access.entra_administrators[0].object_id is jane, which is not an object id",
    ),
    "access.database_name": (
        resource("Database", serverName="orders-db", databaseName="azure_sys"),
        "database.name is azure_sys, which belongs to the service",
    ),
    "access.own_key": (
        server(dataEncryption={**KEY, "primaryKeyURI": "https://example.org/k"}),
        "access.customer_managed_key.key is https://example.org/k",
    ),
    "access.backup_key": (
        server(dataEncryption=KEY, backup={"geoRedundantBackup": "Enabled"}),
        "access.customer_managed_key.backup_key is null, but backup.geo_redundant is true",
    ),
    "access.key_on_second_generation": (
        server(dataEncryption=KEY, storage={"storageSizeGB": 128, "type": "PremiumV2_LRS"}),
        "access.customer_managed_key is set with a Premium SSD v2",
    ),
    "database.listed_extensions": (
        parameter("azure.extensions", "VECTOR,PGVECTOR"),
        "database.extensions[1] is pgvector, which Azure does not offer",
    ),
    "database.declared_parameters": (parameter("work_mem", "4MB"), "database.parameters.work_mem is '4MB', a number without a unit"),
    "database.transport": (parameter("require_secure_transport", "OFF"), "database.parameters.require_secure_transport is off"),
}  # fmt: skip
# Several resources that trip a face together.
SEVERAL = {
    "compute.burstable_pooler": ((server(**BURSTABLE), parameter("pgbouncer.enabled", "true")), "database.pool.pgbouncer is true on"),
    "compute.leftover_connections": ((server(), parameter("max_connections", "5000")), "database.parameters.max_connections is 5000"),
    "compute.burstable_replica": ((server(**BURSTABLE), resource(**REPLICA)), "replica is declared for Standard_B1ms"),
    "availability.smaller_replica": (
        (server(sku={"name": "Standard_D4s_v3"}), resource(**REPLICA)),
        "replica.sku is Standard_D2s_v3, smaller than Standard_D4s_v3",
    ),
    "availability.uneven_switchover": (
        (
            server(),
            resource(**{**REPLICA, "sku": {"name": "Standard_D4s_v3"}}),
            resource("VirtualEndpoint", serverName="orders-db", virtualEndpointName="orders"),
        ),
        "replica.sku is Standard_D4s_v3, the server is Standard_D2s_v3",
    ),
    "availability.replica_in_step": (
        (server(), resource(**REPLICA), parameter("max_connections", "400")),
        "database.parameters sets max_connections",
    ),
    "network.network_parts": (
        (server(network=VNET), firewall("10.0.0.1", "10.0.0.9")),
        "network.firewall has 1 rules, but network.mode is private",
    ),
    "database.unloaded_extensions": ((server(), parameter("azure.extensions", "AGE")), "database.extensions[0] is age, which works only"),
}
# Faces about what only a stack file says, or what the component derives itself.
NEED_THE_STACK_FILE = {
    "compute.tier_in_doubt", "network.subnet", "protection.targets", "storage.late_alert", "availability.nervous_lag_alert",
    "database.overridden_allow_list", "database.second_switch", "database.index_dimensions", "database.index_settings",
    "database.same_set_twice", "database.build_memory", "database.alert_never_fires", "database.static_parameters",
    "database.oversized_pool", "long_term.retention", "long_term.copied", "long_term.redundancy", "long_term.vault_name",
    "long_term.growing", "long_term.outlived",
}  # fmt: skip


def _name(face: Face) -> str:
    return f"{face.__module__.rpartition('.')[2]}.{face.__name__}"


FACES = {_name(face): rule.id for rule in RULES for face in rule.faces}


def test_every_face_of_a_rule_has_its_place_here() -> None:
    assert ALONE.keys() | SEVERAL.keys() | NEED_THE_STACK_FILE == FACES.keys()
    assert not (ALONE.keys() | SEVERAL.keys()) & NEED_THE_STACK_FILE
    assert {_name(face) for face in judging.TOGETHER} == SEVERAL.keys()


@pytest.mark.parametrize("face", ALONE)
def test_properties_of_one_resource_trip_the_rule(face: str) -> None:
    broken, begins = ALONE[face]
    assert [rule for rule, message in messages(broken) if message.startswith(begins)] == [FACES[face]]


@pytest.mark.parametrize("face", SEVERAL)
def test_resources_trip_the_rule_together_and_say_so_once(face: str) -> None:
    broken, begins = SEVERAL[face]
    assert [rule for rule, message in messages(*broken) if message.startswith(begins)] == [FACES[face]]
    assert not [message for one in broken for _, message in messages(one) if message.startswith(begins)]


def test_sound_resources_are_left_alone() -> None:
    children = (parameter("pgbouncer.enabled", "true"), parameter("azure.extensions", "vector"), firewall("10.0.0.1", "10.0.0.9"))
    assert list(messages(server(), resource(**REPLICA), *children)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_shipped_environments_break_nothing(stack: str) -> None:
    """With what the program really registers, children and all; warnings of the stack file are the program's to tell."""
    registered = [
        Resource(urn=one.urn, kind=kind(one.type), properties=one.inputs, protected=one.protect)
        for one in plan_of(stack).registrations
        if kind(one.type)
    ]
    assert len(registered) > 10
    assert list(messages(*registered, stack=stack)) == []


def test_child_is_found_by_reference_while_the_name_is_unknown() -> None:
    primary = server(**BURSTABLE)
    pooler: dict[str, Any] = {"configurationName": "pgbouncer.enabled", "value": "true", "serverName": UNKNOWN}
    near = resource("Configuration", refers_to=(primary.urn,), **pooler)
    assert [problem.rule for _, problem in together((primary, near))] == ["R3"]
    assert list(together((primary, resource("Configuration", **pooler)))) == []


def test_what_a_restored_server_leaves_out_is_not_judged() -> None:
    restored: dict[str, Any] = {"createMode": "PointInTimeRestore", "serverName": "orders-again", "location": "westeurope"}
    assert list(messages(resource(**restored))) == []


def test_unknown_values_are_skipped_and_the_rest_is_judged() -> None:
    odd = server(sku=UNKNOWN, location=UNKNOWN, version=UNKNOWN, storage=UNKNOWN, network=UNKNOWN, backup={"backupRetentionDays": 3})
    assert [rule for rule, _ in messages(odd)] == ["R5"]


def test_what_a_replica_says_by_itself_is_not_said_again() -> None:
    told = list(messages(server(**BURSTABLE), resource(**{**REPLICA, **BURSTABLE}), parameter("pgbouncer.enabled", "on")))
    assert sorted(rule for rule, _ in told) == ["R3", "R3", "R3"]
    assert len(set(told)) == len(told)


def test_other_versions_of_the_api_are_the_same_kind() -> None:
    assert kind("azure-native:dbforpostgresql/v20250801:Server") == "Server"
    assert kind("azure-native_dbforpostgresql_v20250801:dbforpostgresql:Server") == "Server"
    assert kind("azure-native:sql:Server") == kind("aws:rds/instance:Instance") == ""


def test_environment_is_a_word_of_the_name() -> None:
    assert environment_words("payments-PROD", None, "team_a.eu") == {"payments", "prod", "team", "a", "eu"}
    assert "prod" not in environment_words("product")
