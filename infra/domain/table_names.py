"""Names of tables and columns as rules and messages write them: as in the database, in double quotes where they need it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What needs no quotes here: letters of any case and alphabet, digits, `_`, `$`. Nothing is folded: a name is as it is written.
_PLAIN = re.compile(r"[^\W\d][\w$]*")
_PART = re.compile(r'(?P<plain>[^\W\d][\w$]*)|"(?P<quoted>(?:[^"\0]|"")+)"')
_SHAPE = 'write schema.table, with parts in double quotes that hold anything but letters, digits and _: "Odd Room"."Mixed Case"'


@dataclass(frozen=True, order=True)
class TableName:
    """A table by its schema and name, both exactly as the database has them."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{written(self.schema)}.{written(self.name)}"


class NoName(ValueError):
    """A text that names nothing; the argument is the fix."""


def written(name: str) -> str:
    """One name as rules and messages write it."""
    return name if _PLAIN.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))


def table_named(text: str) -> TableName:
    """The table that `schema.table` names, each part plain or in double quotes (a quote inside is doubled). Raises NoName."""
    schema = _PART.match(text)
    if schema is None or text[schema.end() : schema.end() + 1] != ".":
        raise NoName(_SHAPE)
    name = _PART.fullmatch(text, schema.end() + 1)
    if name is None:
        raise NoName(_SHAPE)
    return TableName(_name(schema), _name(name))


def column_named(text: str) -> str:
    """The column that a text names: the text itself, or what stands in its double quotes. Raises NoName."""
    if text.startswith('"'):
        found = _PART.fullmatch(text)
        if found is None:
            raise NoName('write the name as it is, or all of it in double quotes with inner quotes doubled: "a ""b"""')
        return _name(found)
    if not text or "\0" in text:
        raise NoName("write the column's name as the database has it")
    return text


def _name(part: re.Match[str]) -> str:
    return part["plain"] or part["quoted"].replace('""', '"')
