"""How long post-provision takes when there is nothing to do, against a bare connection and `SELECT 1` on the same server."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.pairs import Row, in_turn
from infra.domain.environment import Environment
from scripts import post_provision
from scripts.edges import stack_file, vector_tables
from scripts.local_azure.postgres import Binaries, Cluster
from tests.live.turns import CountingProxy

_ROOT = Path(__file__).resolve().parents[1]
_ADMINISTRATOR, _PASSWORD, _DATABASE = "cogadmin", "Aa1-only-for-measuring", "zep"
_PEER = "psycopg connect and SELECT 1"
# A dozen memories with an embedding each is a large application; small vectors, because none is read when nothing is to be done.
_SETS, _DIMENSIONS = 12, 8
# Beside a server in the same region a round trip takes a millisecond: ten of them are not felt.
_TURNS = 10
# Below a tenth of a second a person takes an answer for immediate; the peer's time is the server's and the network's.
_OWN_SECONDS = 0.1


def measure(quick: bool) -> list[dict[str, object]]:
    """Wall seconds of runs in one process with everything imported; `ours_s` of the second row is a number of round trips."""
    environment = _environment()
    with _server() as cluster:
        dsn = f"host={cluster.socket.parent} port=5432 dbname={_DATABASE} user={_ADMINISTRATOR}"
        _bring(environment, dsn)
        with psycopg.connect(dsn, password=_PASSWORD, autocommit=True) as connection:
            vector_tables.create_tables(connection, environment.vector_sets)
        _bring(environment, dsn)
        _unchanged(environment, dsn)

        figure, pairs = f"post-provision, nothing to do ({_SETS} vector sets)", 10 if quick else 40
        ours, peer = _timed(lambda: _unchanged(environment, dsn)), _timed(lambda: _select(dsn))
        row = in_turn(figure, ours, _PEER, peer, pairs=pairs, at_most=None)
        turns, fewest = _turns(cluster, lambda dsn: _unchanged(environment, dsn)), _turns(cluster, _select)
    return [_own_time(row), _round_trips(turns, fewest)]


def _own_time(row: Row) -> dict[str, object]:
    """The same row, judged by what it takes beyond the peer."""
    own = row.ours_s - row.peer_s
    return {**row.as_json(), "goal": f"own time under {_OWN_SECONDS * 1000:.0f} ms", "met": own < _OWN_SECONDS}


def _round_trips(ours: int, peer: int) -> dict[str, object]:
    ratio = round(ours / peer, 2)
    figure, goal = f"its round trips ({_SETS} vector sets)", f"at most {_TURNS}"
    return Row(figure, ours, _PEER, peer, ratio, ratio, ratio, pairs=1, goal=goal, met=ours <= _TURNS).as_json()


def _environment() -> Environment:
    """The shipped production, with more and smaller vector sets."""
    shipped = stack_file.read("prod", _ROOT)
    first = shipped.vector_sets[0]
    sets = tuple(first.model_copy(update={"table": f"memories_{number}", "dimensions": _DIMENSIONS}) for number in range(_SETS))
    return shipped.model_copy(update={"vector_sets": sets})


@contextmanager
def _server() -> Iterator[Cluster]:
    """A real server as Azure makes them, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster.create(Path(folder), "zepmem-measured", Binaries.install())
        try:
            cluster.apply({"azure.extensions": "vector,pg_stat_statements"})
            cluster.create_administrator(_ADMINISTRATOR, _PASSWORD)
            cluster.create_database(_DATABASE)
            yield cluster
        finally:
            cluster.destroy()


def _bring(environment: Environment, dsn: str) -> post_provision.Report:
    return post_provision.bring(environment, dsn=dsn, password=_PASSWORD, quiet=True)


def _unchanged(environment: Environment, dsn: str) -> None:
    """A run that has nothing to do; anything else is not what is measured."""
    if (report := _bring(environment, dsn)).applied or not report.ok:
        raise SystemExit(f"there was something to do: {report.summary}")


def _timed(run: Callable[[], None]) -> Callable[[], float]:
    def seconds() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return seconds


def _select(dsn: str) -> None:
    with psycopg.connect(dsn, password=_PASSWORD, autocommit=True) as connection:
        connection.execute("SELECT 1")


def _turns(cluster: Cluster, run: Callable[[str], None]) -> int:
    """Round trips on the wire, those of logging in among them."""
    with CountingProxy(cluster.socket) as proxy:
        run(f"host=127.0.0.1 port={proxy.port} dbname={_DATABASE} user={_ADMINISTRATOR} sslmode=disable")
    return proxy.turns
