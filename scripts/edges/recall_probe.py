"""Measures recall of a vector index against exact search on stored rows, through the index that EXPLAIN names.

result = probe(connection, vector_set, "zep_embeddings_embedding_ann_idx", {"hnsw.ef_search": 100})
result.recall, result.standard_error, result.served_by

The exact pass happens in the server, as one pass over the table for all questions; 200 vectors are all that this process ever holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from infra.domain import recall
from infra.domain.environment import VectorSet
from infra.domain.recall import PARAMETERS, QUERIES, SEED, Excluded, RecallResult, SelfRetrieval
from scripts.edges import postgres
from scripts.edges.exits import BAD, Failure
from scripts.edges.recall_search import VectorIndex, find
from scripts.edges.recall_truth import Question, Settings, count_excluded, exact, sample, with_settings

if TYPE_CHECKING:
    import psycopg

Tell = Callable[[str], None]
_SHOWN_LOST = 10


@dataclass(frozen=True)
class _Answers:
    """What the index answered: each question's distances, nearest first, and milliseconds."""

    near: list[list[float]]
    milliseconds: list[float]


def probe(
    connection: psycopg.Connection[Any],
    vector_set: VectorSet,
    index_name: str,
    settings: Settings,
    queries: int = QUERIES,
    seed: int = SEED,
) -> RecallResult:
    """Recall@10 of the index at these search settings. Raises Failure."""
    return sweep(connection, vector_set, index_name, [settings], queries, seed)[0]


def sweep(
    connection: psycopg.Connection[Any],
    vector_set: VectorSet,
    index_name: str,
    settings: Sequence[Settings],
    queries: int = QUERIES,
    seed: int = SEED,
    *,
    enough: Callable[[RecallResult], bool] = lambda result: False,
    tell: Tell = lambda line: None,
) -> list[RecallResult]:
    """Recall@10 of the index at each of the settings, until one is `enough`; exact answers are computed once. Raises Failure.

    In a session outside a transaction everything is measured on one snapshot.
    """
    with _measuring(connection, vector_set):
        index = _named(connection, vector_set, index_name)
        excluded = count_excluded(connection, index)
        questions = sample(connection, index, queries, seed)
        # The first pass warms the caches, and bounds what the exact one has to tell.
        tell(f"{len(questions)} questions for {index.name}")
        first = _ask(connection, index, questions, settings[0])
        tell(f"exact search over {excluded.searchable:,} rows")
        truth = exact(connection, index, questions, first.near)
        results: list[RecallResult] = []
        for setting in settings:
            tell(f"{index.name} with {_told(setting)}")
            answers = first if len(settings) == 1 else _ask(connection, index, questions, setting)
            served_by, chosen = _served_by(connection, index, questions, setting)
            shares = [recall.hit_share(near, true) for near, true in zip(answers.near, truth, strict=True)]
            results.append(_result(index, setting, excluded, answers, shares, served_by, chosen))
            if enough(results[-1]):
                break
        return results


def self_retrieval(
    connection: psycopg.Connection[Any],
    vector_set: VectorSet,
    index_name: str,
    settings: Settings | None = None,
    queries: int = QUERIES,
    seed: int = SEED,
) -> SelfRetrieval:
    """Whether stored vectors find themselves at rank 1 through the index; a tie by distance counts. Raises Failure.

    One that even the widest search does not find is cut off in the graph. By inner product a longer vector may stand first, and counts.
    """
    given, widest = settings or {}, {PARAMETERS["hnsw"]: recall.MOST_EF_SEARCH}
    with _measuring(connection, vector_set):
        index = _named(connection, vector_set, index_name)
        questions = sample(connection, index, queries, seed)
        served_by, _ = _served_by(connection, index, questions, given)
        missed = _lost(connection, index, questions, given)
        lost = _lost(connection, index, missed, {**given, **widest}) if index.method == "hnsw" else missed
    return SelfRetrieval(
        index=index.name,
        served_by=served_by,
        asked=len(questions),
        found=len(questions) - len(missed),
        unreachable=len(lost),
        lost=tuple(question.address for question in lost[:_SHOWN_LOST]),
    )


def _lost(connection: psycopg.Connection[Any], index: VectorIndex, questions: Sequence[Question], settings: Settings) -> list[Question]:
    """The questions that do not find themselves first."""
    lost = []
    statement = index.search(_candidates(settings), limit=1)
    with with_settings(connection, {"enable_seqscan": "off", **settings}):
        for question in questions:
            row = connection.execute(statement, {"query": question.vector}, prepare=False).fetchone()
            if row is None or not (row[1] == question.address or recall.tied(row[2], question.own_distance)):
                lost.append(question)
    return lost


def round_trip_ms(connection: psycopg.Connection[Any]) -> float:
    """The median time in milliseconds of asking the server for nothing: the part of each latency that is the way there and back."""
    taken = []
    for _ in range(11):
        began = time.perf_counter()
        connection.execute("SELECT 1").fetchone()
        taken.append((time.perf_counter() - began) * 1000)
    return round(recall.percentile(taken, 0.5), 2)


def _result(
    index: VectorIndex,
    setting: Settings,
    excluded: Excluded,
    answers: _Answers,
    shares: list[float],
    served_by: str | None,
    chosen: bool,
) -> RecallResult:
    proved = bool(shares) and served_by == index.name
    return RecallResult(
        vector_set=f"{index.vector_set.table}.{index.vector_set.column}",
        index=index.name,
        settings={name: str(value) for name, value in setting.items()},
        served_by=served_by,
        chosen=chosen,
        recall=round(fmean(shares), 4) if proved else None,
        standard_error=round(recall.standard_error(shares), 4) if proved else 1.0,
        queries=len(shares),
        p50_ms=round(recall.percentile(answers.milliseconds, 0.5), 2),
        p95_ms=round(recall.percentile(answers.milliseconds, 0.95), 2),
        floor=index.vector_set.recall_floor,
        excluded=excluded,
    )


def _named(connection: psycopg.Connection[Any], vector_set: VectorSet, name: str) -> VectorIndex:
    found = find(connection, vector_set)
    index = next((index for index in found if index.name == name), None)
    if index is None:
        there = f"there are {', '.join(each.name for each in found)}" if found else "agentmem post-provision builds the declared one"
        raise Failure(BAD, f"{vector_set.table}.{vector_set.column} has no index {name} for {vector_set.distance} search", hint=there)
    return index


def _ask(connection: psycopg.Connection[Any], index: VectorIndex, questions: Sequence[Question], settings: Settings) -> _Answers:
    """Ask each question as an application does, a statement each, and time it."""
    statement = index.search(_candidates(settings))
    answers = _Answers([], [])
    with with_settings(connection, {"enable_seqscan": "off", **settings}):
        for question in questions:
            began = time.perf_counter()
            rows = connection.execute(statement, {"query": question.vector}, prepare=False).fetchall()
            answers.milliseconds.append((time.perf_counter() - began) * 1000)
            answers.near.append(sorted(row[0] for row in rows))
    return answers


def _served_by(
    connection: psycopg.Connection[Any], index: VectorIndex, questions: Sequence[Question], settings: Settings
) -> tuple[str | None, bool]:
    """The index that serves the search when sequential scans are forbidden, and whether the planner takes it of its own accord."""
    from psycopg import sql

    if not questions:
        return None, False
    statement = sql.SQL("EXPLAIN (FORMAT JSON) ") + index.search(_candidates(settings))
    taken = []
    for forbidding in ({"enable_seqscan": "off"}, {}):
        with with_settings(connection, {**forbidding, **settings}):
            plan = connection.execute(statement, {"query": questions[0].vector}, prepare=False).fetchone()
        taken.append(_index_of(plan[0][0]["Plan"]) if plan else None)
    return taken[0], taken[1] == index.name


def _index_of(node: Mapping[str, Any]) -> str | None:
    """The index that a plan reads in the order of its distances; one that merely filters does not serve."""
    if "Order By" in node and "Index Name" in node:
        return str(node["Index Name"])
    return next((found for child in node.get("Plans", ()) if (found := _index_of(child))), None)


def _candidates(settings: Settings) -> int:
    """How many candidates a search by bits orders again: as many as the graph search looks at, more are not found."""
    return int(str(settings.get(PARAMETERS["hnsw"], recall.DEFAULTS["hnsw"])))


def _told(settings: Settings) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "the settings of this session"


@contextmanager
def _measuring(connection: psycopg.Connection[Any], vector_set: VectorSet) -> Iterator[None]:
    """One snapshot for questions, truth and answers, unless the session is in a transaction already; nothing is written."""
    from pgvector.psycopg import register_vector
    from psycopg.pq import TransactionStatus

    with postgres.told(f"recall of {vector_set.table}.{vector_set.column}"):
        register_vector(connection)
        alone = connection.info.transaction_status == TransactionStatus.IDLE
        with connection.transaction(force_rollback=True):
            if alone:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
