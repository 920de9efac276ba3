"""Reads what the health of vector indexes is judged from: the server's counters, our records of builds, and probes through the indexes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg

from infra.domain import reconcile_indexes, sizing
from infra.domain.catalogue import APPLICATION_SCHEMA, Catalogue
from infra.domain.environment import Environment, VectorSet
from infra.domain.health_facts import Health, IndexUse, Probed, Rows
from infra.domain.index_health import judged
from infra.domain.recall import PARAMETERS, search_setting
from scripts.edges import index_records, postgres, recall_probe
from scripts.edges.exits import Failure

Tell = Callable[[str], None]


def read(connection: psycopg.Connection[Any], environment: Environment) -> Health:
    """What is counted and recorded, without asking the indexes anything."""
    tables = {"schema": APPLICATION_SCHEMA, "tables": [vector_set.table for vector_set in environment.vector_sets]}
    with postgres.told("reading the counters of the indexes"):
        row = connection.execute(postgres.statement("read_index_facts"), tables).fetchone()
        assert row is not None, "the statement always answers with a row"
        found, built = row[0], index_records.read(connection, tables["tables"])
    indexes = {}
    for index in found["indexes"]:
        use = IndexUse(scans=int(index["scans"]), idle_days=None if index["idle_days"] is None else float(index["idle_days"]))
        if record := built.get(index["oid"]):
            use = replace(use, rows_at_build=record.rows, built_days=record.days, built_by=record.vector_version)
        indexes[index["name"]] = use
    return Health(
        counted_days=float(found["counted_days"] or 0),
        shared_buffers=int(found["shared_buffers"]),
        effective_cache=int(found["effective_cache"]),
        bits=int(found["bits"]),
        indexes=indexes,
        rows={each["table"]: Rows(live=int(each["live"] or 0), dead=int(each["dead"])) for each in found["tables"]},
    )


def probe(
    connection: psycopg.Connection[Any], environment: Environment, catalogue: Catalogue, queries: int, tell: Tell = lambda line: None
) -> tuple[dict[str, Probed], list[str]]:
    """What questions to each index that serves tell, at the search settings in force; and why some could not be asked."""
    found: dict[str, Probed] = {}
    unasked: list[str] = []
    for vector_set in environment.vector_sets:
        column = catalogue.column(vector_set.table, vector_set.column)
        if column is None or column.kind is None:
            continue
        case = reconcile_indexes.case_of(vector_set, column, catalogue, sizing.build_memory_kib(environment))
        index = judged(case)
        if index is None:
            continue
        tell(f"asking {index.name}")
        settings = {PARAMETERS[index.method]: search_setting(catalogue, index.method)}
        try:
            found[index.name] = _probed(connection, vector_set, index.name, settings, queries)
        except Failure as failure:
            unasked.append(f"{index.name} was not asked: {failure}")
    return found, unasked


def _probed(connection: psycopg.Connection[Any], vector_set: VectorSet, name: str, settings: dict[str, int], queries: int) -> Probed:
    recall = recall_probe.probe(connection, vector_set, name, settings, queries)
    selves = recall_probe.self_retrieval(connection, vector_set, name, settings, queries) if "hnsw.ef_search" in settings else None
    return Probed(recall=recall, selves=selves)
