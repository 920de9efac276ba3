"""The rules under which rows travel from one environment to another: masks, tenants to keep, people to leave behind.

mask:
  public.sessions:
    email: {set: hidden@example.org}        # every row gets this constant
    name: {hash: true}                      # sha256 of a secret of the run and the text: equal values stay equal
    notes: {"null": true}                   # nothing
tenants: {column: tenant_id, keep: [a, b], tables: {public.tenants: id}}
subjects: {column: user_id, erased_file: erased.txt, tables: {public.users: id}}      # or erased: [..]

Tenants and subjects are found by the name of a column in whatever table has it; `tables` says where the column is called otherwise.
A row without a tenant (NULL) is none of those to keep and stays; a row without a subject (NULL) is nobody's and travels.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from infra.domain.problem import Invalid, Problem
from infra.domain.table_names import NoName, TableName, column_named, table_named

# Rules of shape: T1 unknown key, T2 missing key, T3 wrong type, T4 value not allowed.
UNKNOWN, MISSING, TYPE, VALUE = "T1", "T2", "T3", "T4"


class Way(StrEnum):
    """What takes the place of a value."""

    SET = "set"
    HASH = "hash"
    NULL = "null"


@dataclass(frozen=True, kw_only=True)
class Mask:
    """How a value is replaced; `value` is the constant of SET, as text that the server reads as the column's type."""

    way: Way
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class ColumnMask:
    """A mask and the column that it is for; `key` is where the rule stands."""

    table: TableName
    column: str
    mask: Mask
    key: str


@dataclass(frozen=True, kw_only=True)
class OwnColumn:
    """A table that calls its column otherwise; `key` is where the rule stands."""

    table: TableName
    column: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """The tenants whose rows travel, and the column that says whose a row is."""

    column: str
    keep: tuple[str, ...]
    tables: tuple[OwnColumn, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """The people whose rows never travel; `erased_file` names a file that holds more of them, one a line."""

    column: str
    erased: tuple[str, ...] = ()
    erased_file: str | None = None
    tables: tuple[OwnColumn, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All rules of one journey; without any of them everything travels as it is."""

    masks: tuple[ColumnMask, ...] = ()
    tenants: Tenants | None = None
    subjects: Subjects | None = None

    @property
    def masked(self) -> bool:
        """Whether any column is masked; whether they are the right ones only a person can say."""
        return bool(self.masks)

    def with_erased(self, ids: Iterable[str]) -> Rules:
        """The same rules with the people of the file added, and no file left to read."""
        if self.subjects is None:
            return self
        erased = tuple(dict.fromkeys((*self.subjects.erased, *ids)))
        return replace(self, subjects=replace(self.subjects, erased=erased, erased_file=None))


def erased_in(text: str) -> tuple[str, ...]:
    """The ids in the text of an `erased_file`: one a line, without the blanks around it; empty lines are none."""
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def parse(values: object) -> Rules:
    """The Rules that a mapping declares, None being no rules. Raises Invalid with all Problems."""
    reader = _Reader()
    rules = reader.rules(values)
    if reader.problems:
        raise Invalid(tuple(reader.problems))
    return rules


class _Reader:
    """Reads what can be read and notes what cannot, so that one run tells everything."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def rules(self, values: object) -> Rules:
        sections = self._keys("", {} if values is None else values, ("mask", "tenants", "subjects"))
        return Rules(
            masks=self._masks(sections["mask"]) if "mask" in sections else (),
            tenants=self._tenants(sections["tenants"]) if "tenants" in sections else None,
            subjects=self._subjects(sections["subjects"]) if "subjects" in sections else None,
        )

    def _masks(self, values: object) -> tuple[ColumnMask, ...]:
        found: dict[tuple[TableName, str], ColumnMask] = {}
        for written_table, columns in self._mapping("mask", values).items():
            table = self._table(f"mask.{written_table}", written_table)
            for written_column, way in self._mapping(f"mask.{written_table}", columns).items():
                key = f"mask.{written_table}.{written_column}"
                column, mask = self._column(key, written_column), self._mask(key, way)
                if table is None or column is None or mask is None:
                    continue
                if (table, column) in found:
                    self._note(key, f"masks what {found[table, column].key} masks already", VALUE, hint="remove one of them")
                found[table, column] = ColumnMask(table=table, column=column, mask=mask, key=key)
        return tuple(found.values())

    def _mask(self, key: str, values: object) -> Mask | None:
        ways = self._keys(key, values, tuple(Way), hint="one of {set: VALUE}, {hash: true}, {null: true}")
        if len(ways) != 1:
            if isinstance(values, Mapping) and len(ways) == len(values):  # what else is wrong has been told
                fact = f"has {', '.join(ways)} at once" if ways else "says nothing"
                self._note(key, fact, VALUE, hint="exactly one of {set: VALUE}, {hash: true}, {null: true}")
            return None
        ((name, value),) = ways.items()
        if name == Way.SET:
            return self._constant(f"{key}.set", value)
        if value is not True:
            self._note(f"{key}.{name}", f"is {_shown(value)}, expected true", VALUE, value, "remove the rule to leave the column as it is")
            return None
        return Mask(way=Way(name))

    def _constant(self, key: str, value: object) -> Mask | None:
        if value is None:
            self._note(key, "is null", VALUE, hint="{null: true} empties a column")
            return None
        if isinstance(value, bool):
            return Mask(way=Way.SET, value="true" if value else "false")
        text = str(value) if isinstance(value, float) else self._text(key, value, empty=True)
        return None if text is None else Mask(way=Way.SET, value=text)

    def _tenants(self, values: object) -> Tenants | None:
        found = self._keys("tenants", values, ("column", "keep", "tables"))
        column, keep = self._required("tenants", "column", found), self._texts("tenants.keep", found.get("keep", ()))
        if isinstance(values, Mapping) and not keep:
            hint = "name the tenants whose rows travel, or remove tenants altogether"
            if "keep" not in found:
                self._note("tenants.keep", "is missing", MISSING, hint=hint)
            elif found["keep"] in ([], ()):
                self._note("tenants.keep", "is empty: no row of any tenant would travel", VALUE, hint=hint)
        tables = self._own_columns("tenants.tables", found.get("tables", {}))
        return None if column is None else Tenants(column=column, keep=keep, tables=tables)

    def _subjects(self, values: object) -> Subjects | None:
        found = self._keys("subjects", values, ("column", "erased", "erased_file", "tables"))
        column = self._required("subjects", "column", found)
        if isinstance(values, Mapping) and ("erased" in found) == ("erased_file" in found):
            hint = "erased: [id, ..], or erased_file: a file with one id a line"
            both = "erased" in found
            self._note(
                "subjects",
                "has both erased and erased_file" if both else "has neither erased nor erased_file",
                VALUE if both else MISSING,
                hint=hint,
            )
        file = self._text("subjects.erased_file", found["erased_file"]) if "erased_file" in found else None
        erased = self._texts("subjects.erased", found.get("erased", ()))
        tables = self._own_columns("subjects.tables", found.get("tables", {}))
        return None if column is None else Subjects(column=column, erased=erased, erased_file=file, tables=tables)

    def _own_columns(self, key: str, values: object) -> tuple[OwnColumn, ...]:
        found: dict[TableName, OwnColumn] = {}
        for name, value in self._mapping(key, values).items():
            here = f"{key}.{name}"
            table, text = self._table(here, name), self._text(here, value)
            column = None if text is None else self._column(here, text)
            if table is None or column is None:
                continue
            if table in found:
                self._note(here, f"names the table of {found[table].key} again", VALUE, hint="remove one of them")
            found[table] = OwnColumn(table=table, column=column, key=here)
        return tuple(found.values())

    def _required(self, section: str, name: str, found: Mapping[str, object]) -> str | None:
        key = f"{section}.{name}"
        if name not in found:
            self._note(key, "is missing", MISSING, hint=f"the column that says whose a row is, for example {section}.{name}: user_id")
            return None
        text = self._text(key, found[name])
        return None if text is None else self._column(key, text)

    def _keys(self, key: str, values: object, allowed: tuple[str, ...], hint: str = "") -> dict[str, object]:
        """The entries of a mapping that have one of the allowed keys; the others are Problems."""
        found = self._mapping(key, values, hint)
        for name in [name for name in found if name not in allowed]:
            here = f"{key}.{name}" if key else name
            close = difflib.get_close_matches(name, allowed, n=1)
            meant = f"did you mean {close[0]}?" if close else f"keys here: {', '.join(allowed)}"
            self._note(here, "is not a key of the rules", UNKNOWN, found.pop(name), meant)
        return found

    def _mapping(self, key: str, values: object, hint: str = "") -> dict[str, object]:
        if not isinstance(values, Mapping):
            self._note(
                key or "the document", f"is {_shown(values)}, expected a mapping", TYPE, values, hint or "keys with values, indented below"
            )
            return {}
        # YAML reads a bare `null:` as no value at all; here it is a word, like `set` and `hash`.
        named = {"null" if name is None else name: value for name, value in values.items()}
        for name in [name for name in named if not isinstance(name, str)]:
            self._note(f"{key}.{name}" if key else str(name), "is not text", TYPE, name, "write it in quotes")
            del named[name]
        return named

    def _texts(self, key: str, values: object) -> tuple[str, ...]:
        if not isinstance(values, list | tuple):
            self._note(key, f"is {_shown(values)}, expected a list", TYPE, values, "[a, b]")
            return ()
        read = (self._text(f"{key}[{number}]", value) for number, value in enumerate(values))
        return tuple(text for text in read if text is not None)

    def _text(self, key: str, value: object, *, empty: bool = False) -> str | None:
        """Text, or a whole number as text; neither a truth value nor a byte that PostgreSQL has no text for."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            self._note(key, f"is {_shown(value)}, expected text", TYPE, value, "write it in quotes")
        elif "\0" in str(value):
            self._note(key, "holds a zero byte, which no text in PostgreSQL has", VALUE, hint="remove it")
        elif value == "" and not empty:
            self._note(key, "is empty, expected some text", VALUE, value, "write a value, or remove the key")
        else:
            return str(value)
        return None

    def _table(self, key: str, text: str) -> TableName | None:
        try:
            return table_named(text)
        except NoName as fix:
            self._note(key, "is no name of a table", VALUE, text, str(fix))
            return None

    def _column(self, key: str, text: str) -> str | None:
        try:
            return column_named(text)
        except NoName as fix:
            self._note(key, "is no name of a column", VALUE, text, str(fix))
            return None

    def _note(self, key: str, fact: str, rule: str, found: object = None, hint: str = "") -> None:
        self.problems.append(Problem(key=key, message=f"{key} {fact}", rule=rule, found=found, hint=hint))


def _shown(value: object) -> str:
    """A value as the file writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else repr(value)
