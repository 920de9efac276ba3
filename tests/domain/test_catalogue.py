"""The document that the server answers with becomes a catalogue; text of the server is read, or left alone. No server needed."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain import catalogue
from infra.domain.catalogue import Catalogue, Index

ROLE = {
    "name": "app_rw", "exists": True, "login": False, "administered": True, "settings": ["hnsw.ef_search=100"], "lacks_tables": ["later"],
    "lacks_sequences": [], "schemas_usable": True, "defaults": False,
}  # fmt: skip
COLUMN = {
    "table": "facts", "column": "embedding", "kind": "vector", "dimensions": 1536, "rows": 12, "partitioned": False,
    "parallel_workers": None, "owner": "cogadmin", "owned": True,
}  # fmt: skip
INDEX = {
    "name": "facts_embedding_ann_idx", "table": "facts", "method": "hnsw", "operator_class": "halfvec_cosine_ops",
    "expression": "(embedding::halfvec(1536))", "partial": False, "options": ["m=24", "ef_construction=96", "fillfactor=auto"],
    "valid": True, "ready": True, "size_bytes": 8192,
}  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    """What `read_catalogue.sql` answers for a database with one table."""
    login = {"user": "cogadmin", "superuser": False, "create_role": True, "create_schema": True, "owns_database": True}
    server = {
        "server_version": "16.9",
        "server_version_number": 160009,
        "maintenance_work_mem_kib": 65536,
        "pending_restart": ["max_connections"],
    }
    return {
        "database": "zep", **login, **server, "azure_administrator": True, "allow_list": "vector,pg_stat_statements",
        "extensions": [{"name": "vector", "installed": "0.8.5", "offered": "0.8.5"}],
        "columns": [COLUMN], "indexes": [INDEX], "taken_names": ["facts_embedding_ann_idx"],
        "builds": [{"pid": 7, "table": "facts", "index": "", "phase": "initializing"}],
        "roles": [ROLE], "database_settings": ["hnsw.ef_search=100", "search_path=a, b"], "provenance": True, **changes,
    }  # fmt: skip


def found(**changes: Any) -> Catalogue:
    recorded = {"table": "facts", "column": "embedding", "name": "ada", "version": "2", "dimensions": 1536, "distance": "cosine"}
    return catalogue.catalogue_of(document(**changes), [recorded])


def test_a_document_becomes_a_catalogue() -> None:
    read = found()
    assert (read.database, read.user, read.server_version_number, read.pending_restart) == ("zep", "cogadmin", 160009, ("max_connections",))
    assert read.vector_version == "0.8.5"
    assert read.builds[0].pid == 7
    assert read.provenance is not None
    assert read.provenance[0].name == "ada"
    assert read.database_settings == {"hnsw.ef_search": "100", "search_path": "a, b"}
    assert read.roles["app_rw"].settings == {"hnsw.ef_search": "100"}
    assert read.roles["app_rw"].lacks_tables == ("later",)


def test_an_index_keeps_its_numbers_and_its_cast() -> None:
    index = found().indexes[0]
    assert index.column == "embedding"
    assert index.cast == ("halfvec", 1536)
    assert index.options == {"m": 24, "ef_construction": 96}


def test_a_database_without_provenance_is_not_one_with_an_empty_one() -> None:
    assert catalogue.catalogue_of(document(), None).provenance is None
    assert catalogue.catalogue_of(document(), []).provenance == ()


def test_a_key_that_nobody_expects_is_an_error_not_a_silence() -> None:
    with pytest.raises(TypeError, match="colour"):
        found(columns=[{**COLUMN, "colour": "blue"}])
    with pytest.raises(KeyError, match="create_role"):
        catalogue.catalogue_of({key: value for key, value in document().items() if key != "create_role"}, None)


@pytest.mark.parametrize(
    ("extensions", "version"),
    [
        ([], None),
        ([{"name": "vector", "installed": None, "offered": "0.8.5"}], None),
        ([{"name": "vector", "installed": "0.8.2", "offered": "0.8.5"}], "0.8.2"),
    ],
)
def test_the_version_of_pgvector_is_the_installed_one(extensions: list[dict[str, Any]], version: str | None) -> None:
    assert found(extensions=extensions).vector_version == version


def test_no_table_and_no_column_are_told_apart() -> None:
    without_column = found(columns=[{**COLUMN, "kind": None}])
    there = without_column.column("facts", "embedding")
    assert there is not None
    assert there.kind is None
    assert without_column.column("other", "embedding") is None


@pytest.mark.parametrize(
    ("valid", "ready", "serves"), [(True, True, True), (False, True, False), (True, False, False), (False, False, False)]
)
def test_an_index_serves_when_it_is_valid_and_ready(valid: bool, ready: bool, serves: bool) -> None:
    index: Index = found(indexes=[{**INDEX, "valid": valid, "ready": ready}]).indexes[0]
    assert index.serves is serves


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", set()),
        ("vector", {"vector"}),
        ("VECTOR, Pg_Stat_Statements,", {"vector", "pg_stat_statements"}),
    ],
)
def test_an_allow_list_is_read_in_either_spelling(value: str | None, expected: set[str] | None) -> None:
    assert catalogue.listed(value) == expected


def test_a_setting_may_hold_the_sign_that_ends_its_name() -> None:
    assert catalogue.pairs(["options=-c a=b", "empty="]) == {"options": "-c a=b", "empty": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(embedding::vector(8))", ("embedding", ("vector", 8))),
        ("(embedding::public.halfvec(8))", ("embedding", ("halfvec", 8))),
        ('("Embedding 2"::halfvec(8))', ("Embedding 2", ("halfvec", 8))),
        ("(binary_quantize(embedding)::bit(1536))", (None, None)),
        ("(embedding::halfvec)", (None, None)),
        ("lower(content)", (None, None)),
    ],
)
def test_only_a_column_and_its_cast_are_understood(text: str, expected: tuple[str | None, tuple[str, int] | None]) -> None:
    assert catalogue.expression(text) == expected
