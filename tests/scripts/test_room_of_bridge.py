"""What the build of a bridge is given: memory for all its vectors and no worker, or, where that does not pay or fit, what any build is."""

from __future__ import annotations

import pytest

from infra.domain.manifest import VectorIndex
from scripts.edges.index_builds import Room
from scripts.edges.transfer_indexes import room_of_bridge

ROOM = Room(allowed_kib=1 << 20, workers=3, server_kib=64 << 10, disk_bytes=5)
INDEX = VectorIndex(
    schema_name="public", name="i", table_schema="public", table="t", column="embedding", stored="vector", dimensions=1536, method="hnsw",
    operator_class="vector_cosine_ops", options={}, partial=False, valid=True, size=0, definition="CREATE INDEX",
)  # fmt: skip


def test_few_lists_are_sorted_by_one_process_in_memory() -> None:
    room = room_of_bridge(INDEX, 100_000, 33, ROOM)
    assert (room.workers, room.allowed_kib, room.disk_bytes) == (0, ROOM.allowed_kib, 5)
    assert 100_000 * 6_160 < room.server_kib * 1024 < 100_000 * 6_160 * 1.2


def test_a_small_table_is_given_no_less_than_the_server_gives_itself() -> None:
    assert room_of_bridge(INDEX, 1_000, 24, ROOM).server_kib == ROOM.server_kib


@pytest.mark.parametrize(("rows", "lists"), [(160_000, 51), (180_000, 50)])
def test_many_lists_or_vectors_are_shared_by_all(rows: int, lists: int) -> None:
    assert room_of_bridge(INDEX, rows, lists, ROOM) is ROOM
