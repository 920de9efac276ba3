"""Memories: seeded ones are the same each time, a person's own are checked line by line before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.edges import memories
from scripts.edges.exits import BAD, Failure


def written(folder: Path, *lines: object) -> Path:
    path = folder / "own.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def record(key: object, *embedding: float) -> dict[str, object]:
    return {"id": key, "text": "said", "embedding": list(embedding)}


def test_made_memories_are_of_unit_length_and_the_same_each_time() -> None:
    first, second = memories.make(50, 64, seed=7), memories.make(50, 64, seed=7)
    assert np.array_equal(first.embeddings, second.embeddings)
    assert np.allclose(np.linalg.norm(first.embeddings, axis=1), 1, atol=1e-5)
    assert len(set(first.ids)) == 50


def test_made_memories_are_clustered() -> None:
    made = memories.make(400, 64, seed=7).embeddings
    similarity = made @ made.T
    np.fill_diagonal(similarity, -1)
    assert np.median(similarity.max(axis=1)) > 0.6, "nearest neighbours must be near, or every index looks useless"


def test_own_memories_are_read(tmp_path: Path) -> None:
    own = memories.read(written(tmp_path, record("a", 1, 0, 0), record(2, 0, 1, 0)), frozenset({3, 5}))
    assert own.ids == ["a", "2"]
    assert own.embeddings.shape == (2, 3)


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (record("b", 1, 0), "has 2 dimensions, declared are 3 and 5"),
        (record("b", 1, 0, 0, 0, 0), "has 5 dimensions, the first line has 3"),
        (record("a", 0, 1, 0), "stands already on line 1"),
        ('{"id": "b", "text": "x", "embedding": [NaN, 1, 2]}', "not finite"),
        (record("b", 1e39, 0, 0), "not finite"),
        (record("b", 0, 0, 0), "all zeros"),
        ({"id": "b", "text": "x"}, "exactly the keys"),
        ({"id": "b", "text": "x", "embedding": ["1", 2, 3]}, "not a list of numbers"),
        ({"id": None, "text": "x", "embedding": [1, 2, 3]}, "id must be"),
        ('{"id": "b"', "is not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, fact: str) -> None:
    path = written(tmp_path, record("a", 1, 0, 0), line)
    with pytest.raises(Failure) as caught:
        memories.read(path, frozenset({3, 5}))
    assert caught.value.code == BAD
    assert f"{path}:2: " in caught.value.fact
    assert fact in caught.value.fact


def test_every_bad_line_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, record("a", 1, 0, 0), "x", record("a", 1, 0, 0), record("c", 1))
    with pytest.raises(Failure) as caught:
        memories.read(path, frozenset({3}))
    assert [line.split(":")[1] for line in caught.value.fact.splitlines()] == ["2", "3", "4"]
    assert "nothing was loaded" in caught.value.hint


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    with pytest.raises(Failure, match="holds no memories"):
        memories.read(path, frozenset({3}))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        memories.read(tmp_path / "nothing", frozenset({3}))
