"""Writes a report as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


def write(template: str, path: Path, **facts: Any) -> Path:
    """Render `template` with `facts` to `path`; everything is escaped. Returns the path."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    engine = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    text = engine.get_template(template).render(**facts)
    path.write_text(text, encoding="utf-8")
    return path
