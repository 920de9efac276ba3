"""Writes a report as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


def render(template: str, **facts: Any) -> str:
    """The text of `template` with `facts`; everything is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    engine = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return engine.get_template(template).render(**facts)


def write(template: str, path: Path, **facts: Any) -> Path:
    """Render `template` with `facts` to `path`. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(template, **facts), encoding="utf-8")
    return path
