"""The sections of the recordings of Azure's traffic, and which tests hold the local Azure to each; the rest says why there is none."""

from __future__ import annotations

# Section → title, and the tests that stand on it (files of tests/scripts/local_azure, without `test_` and `.py`).
COVERED: dict[str, tuple[str, tuple[str, ...]]] = {
    "server.md 1": ("long operations: the common form", ("wire/writes",)),
    "server.md 2": ("timing", ("cloud_server",)),
    "server.md 3": ("resource group", ("wire/writes",)),
    "server.md 4": ("checking a name", ("wire/reads",)),
    "server.md 5": ("capabilities", ("wire/reads",)),
    "server.md 6": ("creating a server, and what Azure fills in", ("wire/writes", "cloud_server")),
    "server.md 7": ("lists", ("wire/reads",)),
    "server.md 8": ("changing a server", ("wire/writes", "cloud_server")),
    "server.md 9": ("restart, stop, start, delete", ("wire/writes",)),
    "server.md 10": ("refusals", ("wire/refusals",)),
    "server.md 11": ("firewall rules", ("wire/writes", "wire/reads")),
    "server.md 12": ("counters and small header facts", ("wire/reads",)),
    "backup.md 1": ("long operations", ("wire/writes",)),
    "backup.md 2": ("backups, on demand and automatic", ("wire/reads", "wire/writes")),
    "backup.md 3": ("earliestRestoreDate", ("wire/reads",)),
    "parameter.md 1": ("the shape of every asynchronous call", ("wire/writes",)),
    "parameter.md 2": ("server parameters", ("wire/reads", "wire/writes")),
    "parameter.md 3": ("databases", ("wire/reads", "wire/writes")),
    "parameter.md 4": ("logins and Entra administrators", ("wire/writes", "cloud_children")),
    "parameter.md 5": ("identity", ("cloud_server",)),
    "parameter.md 6": ("private endpoints", ("cloud_model",)),
    "parameter.md 7": ("private network", ("cloud_server",)),
    "older.md 1": ("high availability off and on", ("cloud_server",)),
    "older.md 3": ("writing a default", ("cloud_parameters",)),
    "replica.md 1": ("long operations", ("wire/writes",)),
    "replica.md 2": ("a server by API version", ("wire/reads",)),
}
# Section → title, and why the local Azure does not follow it yet.
UNCOVERED: dict[str, tuple[str, str]] = {
    "backup.md 4": ("point-in-time restore", "not played yet: refused as such"),
    "backup.md 5": ("geo-restore", "not played yet: refused as such"),
    "backup.md 6": ("long-term retention", "not played yet: the routes answer 404"),
    "backup.md 7": ("customer-managed keys", "kept and answered, nothing is encrypted"),
    "backup.md 8": ("what Microsoft's tests assert", "no traffic"),
    "older.md 2": ("restart", "a failover was never recorded; played as the documents say"),
    "older.md 4": ("busy servers", "never recorded; played as the documents say"),
    "older.md 5": ("states while an operation runs", "never recorded; played as the documents say"),
    "older.md 6": ("names that exist", "never recorded; played as the documents say"),
    "older.md 7": ("a 500 on a restore and how it is repeated", "faults play it on demand"),
    "parameter.md differences": ("differences between recordings", "no traffic of its own"),
    "replica.md 3": ("replicas", "not played yet: refused as such"),
    "replica.md 4": ("promotion", "not played yet: refused as such"),
    "replica.md 5": ("virtual endpoints", "not played yet: refused as such"),
    "replica.md 6": ("major upgrade", "not played yet: refused as such"),
    "replica.md 7": ("Premium SSD v2", "rules only, no traffic is followed"),
    "replica.md 8": ("elastic clusters", "not played yet: refused as such"),
    "replica.md 9": ("what Microsoft's tests assert", "no traffic"),
}
# How many sections each file of the recordings has; a new one must be placed above.
SECTIONS = {"server.md": 12, "backup.md": 8, "parameter.md": 8, "older.md": 7, "replica.md": 9}
