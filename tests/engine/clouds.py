"""What a local Azure keeps, without what two runs may differ in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

# A moment, and an id that is made up anew for each principal or workspace: all that two runs may differ in.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)")
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MADE_UP = "00000000-0000-4000-8000-"


def cloud_at(folder: Path, stack: str) -> dict[str, Any]:
    """Every resource of a stack by its key, without moments and random ids, as a local Azure keeps it in `folder`."""
    listed = json.loads((folder / "cloud.json").read_text())["resources"]
    text = MOMENT.sub("a moment", json.dumps({key: value for key, value in listed.items() if f"-{stack}" in key}))
    found: dict[str, Any] = json.loads(RANDOM.sub(lambda match: match[0] if match[0].startswith(MADE_UP) else "an id", text))
    return found
