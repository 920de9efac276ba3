"""What rows can be taken from: a database under one exported snapshot, or a portable copy; and what both can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import psycopg
from psycopg import sql

from infra.domain.manifest import ALGORITHM, Extension, Model, Sequence, Source, Table
from scripts.edges import portable_schema, table_digests, vector_facts
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.portable_schema import Schema
from scripts.edges.postgres import statement, told
from scripts.edges.table_digests import Found, settle

_SEQUENCES = """SELECT schemaname, sequencename, last_value,
has_sequence_privilege(format('%I.%I', schemaname, sequencename)::regclass, 'USAGE, SELECT')
FROM pg_sequences WHERE schemaname !~ '^pg_' ORDER BY 1, 2"""
# Of one that was never used: what it was made or set to begin with.
_FIRST = "SELECT last_value FROM {}"
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_SOURCE = """SELECT current_setting('server_version_num')::int, pg_export_snapshot(), pg_encoding_to_char(encoding), datcollate
FROM pg_database WHERE datname = current_database()"""
# From this version on a server finds a run of pages without reading the others.
_TID_RANGES = 14_00_00
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True)
class Pages:
    """A run of a table's pages, from `first` to the one before `end`; without an end, whatever comes after."""

    first: int
    end: int | None


@dataclass(frozen=True)
class Item:
    """A table to be moved: its columns in the order of its rows, how these are written, and about how many bytes they are.

    With `pages` it is a piece of a table.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    format: str
    size: int
    pages: Pages | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.schema, self.name

    @property
    def title(self) -> str:
        """As it is told to people."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(self.schema, self.name)

    @property
    def as_copied(self) -> sql.Composed:
        """Name and columns as COPY takes them; a table may have none."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL("{} ({})").format(self.identifier, columns) if self.columns else sql.Composed([self.identifier])

    @property
    def as_written(self) -> sql.SQL:
        """The format, as COPY takes it."""
        return sql.SQL("text" if self.format == "copy-text" else "binary")


class Reader(Protocol):
    """One reader of an origin; each thread has its own."""

    def rows(self, item: Item) -> AbstractContextManager[Iterable[bytes]]:
        """The rows of a table in the form of COPY."""

    def digest(self, item: Item) -> Table:
        """Rows and digest of what `rows` gives."""


class Origin(Protocol):
    """Where rows come from. `title` is for people; `items` are largest first; `algorithm` is that of its digests."""

    title: str
    version: int
    algorithm: str
    schema: Schema
    items: tuple[Item, ...]
    extensions: tuple[Extension, ...]
    sequences: tuple[Sequence, ...]
    models: tuple[Model, ...]

    def is_narrowed(self, item: Item) -> bool:
        """Whether rows or columns of a table travel otherwise than they are."""

    def pieces(self, item: Item, number: int) -> tuple[Item, ...]:
        """A table as at most so many pieces of like size, which can be read at once."""

    def reader(self) -> AbstractContextManager[Reader]:
        """A reader for one thread."""


@dataclass(frozen=True)
class Selected:
    """What of a table travels: the list after SELECT in the order of its columns, and the WHERE, empty for all rows."""

    columns: sql.Composable
    where: sql.Composed


@dataclass
class LiveOrigin:
    """A database under one snapshot, for as long as `live` holds it. `prepare` is done to each session that reads from it."""

    session: Any
    connect: Callable[[], Any]
    source: Source
    found: Mapping[tuple[str, str], Found]
    selected: Mapping[tuple[str, str], Selected] = field(default_factory=dict)
    algorithm: str = ALGORITHM
    prepare: Callable[[Any], None] = lambda session: None
    schema: Schema = field(init=False)
    extensions: tuple[Extension, ...] = field(init=False)
    sequences: tuple[Sequence, ...] = field(init=False)
    models: tuple[Model, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.items = tuple(Item(each.schema, each.name, each.columns, each.format, each.size) for each in self.found.values())
        self.title = f"{self.session.info.host}/{self.session.info.dbname}"
        self.version = self.source.server_version_num

    def is_narrowed(self, item: Item) -> bool:
        """Whether a rule hides or drops something of a table."""
        return item.key in self.selected

    def pieces(self, item: Item, number: int) -> tuple[Item, ...]:
        """Runs of pages, the last one without an end; the whole table where the server would read all of it for each of them."""
        pages = self.found[item.key].pages
        number = min(number, pages) if self.version >= _TID_RANGES else 1
        if number < 2:
            return (item,)
        firsts = [pages * each // number for each in range(number)]
        return tuple(replace(item, size=item.size // number, pages=Pages(*run)) for run in zip(firsts, [*firsts[1:], None], strict=True))

    def describe(self) -> None:
        """Read schema, extensions, sequences and models. Raises Failure."""
        session = self.session
        indexes = vector_facts.indexes(session)
        valid = [(oid, index) for oid, index in indexes if index.valid]
        room = vector_facts.extension_room(session)
        self.schema = portable_schema.read(session, self.version // 10_000, self.source.snapshot_id, valid, room)
        self.extensions = tuple(Extension(name=name, version=version) for name, version in session.execute(_EXTENSIONS))
        self.sequences = tuple(_sequence(session, *row) for row in session.execute(_SEQUENCES).fetchall())
        self.models = vector_facts.models(session)

    @contextmanager
    def reader(self) -> Iterator[LiveReader]:
        """A session of its own that sees the same moment."""
        with self.connect() as session, told("reading"):
            settle(session)
            self.prepare(session)
            session.execute(_BEGIN)
            self._join(session)
            yield LiveReader(session, self)

    def _join(self, session: Any) -> None:
        """See what the origin's own session sees. Raises Failure where that session is gone, and its snapshot with it."""
        try:
            session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self.source.snapshot_id)))
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
            says = "the session that held the moment of all rows is gone"
            raise Failure(UNREACHABLE, says, where=self.title, hint="run it again: what is done and still equal is taken over") from None


@dataclass(frozen=True)
class LiveReader:
    """A session that reads under the snapshot of an origin."""

    session: Any
    origin: LiveOrigin

    @contextmanager
    def rows(self, item: Item) -> Iterator[Iterable[bytes]]:
        """The rows of a table or piece, masked and filtered where that was asked for."""
        what = self._rows_of(item) if self.origin.is_narrowed(item) or item.pages else item.as_copied
        reading = f"reading {item.title}"
        with ExitStack() as open_copy:
            with told(reading):
                out = self.session.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT {})").format(what, item.as_written))
                copy = open_copy.enter_context(out)
            yield _told_pieces(copy, reading)

    def digest(self, item: Item) -> Table:
        """Rows and digest of what travels."""
        rows = sql.SQL("{} AS travelling").format(self._rows_of(item)) if self.origin.is_narrowed(item) else None
        return table_digests.digest(self.session, self.origin.found[item.key], algorithm=self.origin.algorithm, rows=rows)

    def _rows_of(self, item: Item) -> sql.Composed:
        everything = Selected(sql.SQL(", ").join(map(sql.Identifier, item.columns)), sql.Composed([]))
        chosen = self.origin.selected.get(item.key, everything)
        where = [*chosen.where, *_within(item.pages, sql.SQL("AND" if [*chosen.where] else "WHERE"))]
        return sql.SQL("(SELECT {} FROM ONLY {} {})").format(chosen.columns, item.identifier, sql.Composed(where))


def _within(pages: Pages | None, word: sql.SQL) -> tuple[sql.Composable, ...]:
    """The condition that a row lies in these pages; `word` comes before it."""
    if pages is None:
        return ()
    from_first = sql.SQL(" {} ctid >= {}").format(word, sql.Literal(f"({pages.first},0)"))
    return (from_first,) if pages.end is None else (from_first, sql.SQL(" AND ctid < {}").format(sql.Literal(f"({pages.end},0)")))


def _told_pieces(copy: Iterable[bytes], what: str) -> Iterator[bytes]:
    """The same pieces; an error on their way is one of this side, not of whoever takes them."""
    with told(what):
        yield from copy


@contextmanager
def live(connect: Callable[[], Any], *, described: bool = True) -> Iterator[LiveOrigin]:
    """A database under a snapshot, with its tables so that nobody can alter them meanwhile. Raises Failure.

    Without `described` it tells its tables alone. What a portable copy does not hold is refused, not left out.
    """
    with connect() as session, told("reading"):
        settle(session)
        session.execute(_BEGIN)
        version, snapshot_id, encoding, locale = session.execute(_SOURCE).fetchone()
        _refuse_large_objects(session)
        found = _locked_tables(session, connect)
        source = Source(server_version_num=version, snapshot_id=snapshot_id, encoding=encoding, locale=locale)
        origin = LiveOrigin(session, connect, source, found)
        if described:
            origin.describe()
        yield origin


def _locked_tables(session: Any, connect: Callable[[], Any]) -> dict[tuple[str, str], Found]:
    """The tables, which nobody can alter until the session ends. Raises Failure (BUSY) that says who keeps even readers out."""
    try:
        found = {(table.schema, table.name): table for table in table_digests.tables(session)}  # their sizes want the lock, too
        if found:
            names = sql.SQL(", ").join(sql.SQL("ONLY {}").format(table.identifier) for table in found.values())
            session.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
    except psycopg.errors.LockNotAvailable:
        with connect() as other:
            row = other.execute(statement("read_reader_obstacle")).fetchone()
        pid, user, application, table_name = row or (None, "", "", "a table")
        who = f"process {pid} of {user}{f' ({application})' if application else ''}" if pid else "somebody who has just gone"
        raise Failure(BUSY, f"{table_name} is locked by {who}", hint="wait until it ends, or end it; then run this again") from None
    return found


def _sequence(session: Any, room: str, name: str, last: int | None, readable: bool) -> Sequence:
    """A sequence and where it is. One that may not be read looks as if it had never been used, and would begin anew."""
    if not readable:
        raise Failure(REFUSED, f"permission denied for sequence {room}.{name}", hint="grant SELECT on all sequences to this login")
    first = None if last is not None else session.execute(sql.SQL(_FIRST).format(sql.Identifier(room, name))).fetchone()[0]
    return Sequence(schema_name=room, name=name, last_value=last, next_value=first)


def _refuse_large_objects(session: Any) -> None:
    number = session.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone()[0]
    if number:
        says = f"the database holds {number} large object{'' if number == 1 else 's'}, which only pg_dump can carry"
        raise Failure(REFUSED, says, hint="move them into bytea columns, or take them with pg_dump")
