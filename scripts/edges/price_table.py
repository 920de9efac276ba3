"""The price table beside the stack files: reads `prices.json`, and writes it whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from infra.domain.prices import EMPTY, REFRESH, NotATable, PriceTable, as_data, parse_table
from scripts.edges.exits import CONFIGURATION, USAGE, Failure

FILE = "prices.json"


def load(folder: Path) -> PriceTable:
    """The project's table; an empty one, of which everything is unknown, where there is no file. Raises Failure for one that is broken."""
    path = folder / FILE
    try:
        return parse_table(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return EMPTY
    except OSError as error:
        raise Failure(USAGE, f"cannot be read: {error.strerror}", where=FILE) from None
    except NotATable as wrong:
        raise Failure(CONFIGURATION, str(wrong), where=FILE, hint=f"take it back from git, or write it anew: {REFRESH}") from None
    except (ValueError, RecursionError):
        hint = f"take it back from git, or delete it and write it anew: {REFRESH}"
        raise Failure(CONFIGURATION, "is no JSON document", where=FILE, hint=hint) from None


def save(table: PriceTable, folder: Path, source: str) -> Path:
    """Write the table beside the stack files; who reads meanwhile sees the old one whole. Returns the path."""
    path, beside = folder / FILE, folder / f".{FILE}.{os.getpid()}"
    try:
        beside.write_text(json.dumps(as_data(table, source), indent=2) + "\n", encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Failure(USAGE, f"cannot be written: {error.strerror}", where=str(path)) from None
    return path
