"""The running local Azure: the cloud model, the servers behind it and all doors in one process, which the line protocol steers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from scripts.local_azure.arm_door import ArmDoor
from scripts.local_azure.backend import ClusterBackend, hosts_file
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.cloud import Answer, Cloud, Pace, Settings
from scripts.local_azure.faults import Fault
from scripts.local_azure.identity_door import OBJECT_ID, IdentityDoor
from scripts.local_azure.postgres import discard, remove_orphans, sweep
from scripts.local_azure.provider_door import Provider, ProviderDoor
from scripts.local_azure.serve import LOCK_FILE
from scripts.local_azure.tokens import TokenOffice
from scripts.local_azure.trouble import Trouble

log = logging.getLogger(__name__)

Behind = Callable[[Path, Certificates], Any]
"""Makes a world.Backend that also takes the tokens issued for PostgreSQL (`database_token`)."""

# Made-up ids in the form that clients insist on; no subscription or tenant of the real Azure has them.
SUBSCRIPTION = "00000000-0000-4000-8000-0000000a9e17"
TENANT = "00000000-0000-4000-8000-0000000a9e00"
LOG_FILE = "local-azure.log"
LOG_BYTES = 5_000_000
# The exit code of a command that finds somebody else at work (the product's own table).
BUSY_EXIT = 6
# A proxy of the user's environment must not be asked for what listens on this machine.
_LOOPBACK = "127.0.0.1,localhost"


class StateHeld(Exception):
    """Another process serves this state. `.pid` names it, None where it could not be read."""

    def __init__(self, state: Path, pid: int | None) -> None:
        super().__init__(f"{state} is served by process {pid or 'unknown'} already")
        self.pid = pid


class Ended(Exception):
    """A signal asked for the end."""


def serve(state: Path, *, fresh: bool, pace: str, behind: Behind = ClusterBackend) -> int:
    """Open every door, tell where on standard output, follow the line protocol until standard input closes. Returns an exit code.

    `behind` makes what stands behind the servers: PostgreSQL clusters, but for tests that need none.
    """
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing but answers may reach the parent's pipe
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        with held(state):
            _log_to(state / LOG_FILE)
            if fresh:
                empty(state)
            with contextlib.ExitStack() as stack, contextlib.suppress(Ended):
                _follow(open_doors(state, pace, stack, behind), answers)
                log.info("standard input closed")
            return 0
    except StateHeld as busy:
        _tell(answers, {"error": str(busy), "pid": busy.pid})
        return BUSY_EXIT
    except Ended:
        return 0
    except Trouble as trouble:
        _tell(answers, {"error": trouble.fact, "hint": trouble.hint})
        return 1
    except Exception as error:
        log.exception("the local Azure could not start")
        _tell(answers, {"error": f"{type(error).__name__}: {error}"})
        return 1


@contextlib.contextmanager
def held(state: Path) -> Iterator[None]:
    """The state folder for this process alone. Raises StateHeld. The kernel gives it free however the process ends."""
    descriptor = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise StateHeld(state, int(text) if text.isdigit() else None) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def empty(state: Path) -> None:
    """Forget the cloud and its servers; what still runs of them is stopped first. Raises Trouble."""
    discard(state)
    for each in state.iterdir():
        if each.name in (LOCK_FILE, LOG_FILE):
            continue
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _log_to(path: Path) -> None:
    """Everything that is said goes to a file that only the owner reads, also what libraries write to standard error."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _end(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Ended


def _follow(running: Running, answers: IO[str]) -> None:
    _tell(answers, running.ready())
    for line in sys.stdin:
        try:
            answer = running.asked(line.strip())
        except (ValueError, KeyError, TypeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        _tell(answers, answer)


def _tell(answers: IO[str], values: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        answers.write(json.dumps(values) + "\n")
        answers.flush()


@dataclass(frozen=True)
class Running:
    """Everything that listens, and what the line protocol may ask of it."""

    cloud: Cloud
    certificates: Certificates
    identity: IdentityDoor
    arm: ArmDoor
    provider: ProviderDoor

    def ready(self) -> dict[str, object]:
        """The first line: where the doors are, and the environment that leads a child command to them."""
        return {
            "arm": self.arm.url, "identity": self.identity.url, "provider": self.provider.address,
            "environment": self.environment(), "hosts": self.hosts(),
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Variables for a child command. Only the managed identity may answer, so that no login of the user's is ever tried."""
        bundle, proxyless = str(self.certificates.bundle_file), _without_proxy(os.environ.get("NO_PROXY") or os.environ.get("no_proxy", ""))
        return {
            "AGENTMEM_ARM_ENDPOINT": self.arm.url, "IDENTITY_ENDPOINT": self.identity.url, "IDENTITY_HEADER": self.identity.header,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential", "REQUESTS_CA_BUNDLE": bundle,
            "ARM_SUBSCRIPTION_ID": SUBSCRIPTION, "ARM_TENANT_ID": TENANT, "PGSSLROOTCERT": str(self.certificates.ca_file),
            "AGENTMEM_HOSTS": f"@{hosts_file(self.cloud.folder)}", "PULUMI_DEBUG_PROVIDERS": f"azure-native:{self.provider.port}",
            "NO_PROXY": proxyless, "no_proxy": proxyless,
        }  # fmt: skip

    def hosts(self) -> dict[str, str]:
        """Where each server name really listens now."""
        return dict(self.cloud.hosts())

    def asked(self, line: str) -> dict[str, object]:
        """The answer to one line of the protocol. Raises ValueError, TypeError or KeyError for a line that is none."""
        word, _, rest = line.partition(" ")
        if word == "hosts":
            return {"hosts": self.hosts()}
        if word == "fault":
            self.cloud.faults.add(Fault.from_json(json.loads(rest)))
            return {"faults": self.cloud.faults.left()}
        raise ValueError(f"{word!r} is no request; there are hosts and fault")


def open_doors(state: Path, pace: str, stack: contextlib.ExitStack, behind: Behind = ClusterBackend) -> Running:
    """Start everything; `stack` ends it again in the opposite order. What a killed run left is swept away first."""
    settings = Settings.of(os.environ)
    remove_orphans()
    swept = sweep(state)
    if swept:
        log.warning("stopped what an earlier run left: %s", ", ".join(swept))
    certificates, office = Certificates(state), TokenOffice(TENANT)
    servers = behind(state, certificates)
    stack.callback(servers.close)
    cloud = Cloud(state, subscription=SUBSCRIPTION, tenant=TENANT, pace=Pace(pace), backend=servers, settings=settings)
    stack.callback(cloud.close)
    identity = IdentityDoor(office, servers.database_token, cloud.principal_of)
    arm = ArmDoor(cloud, certificates.door(), office, SUBSCRIPTION)
    replaces = settings.geo_flag_change is Answer.REPLACE
    provider = ProviderDoor(Provider(cloud, SUBSCRIPTION, TENANT, OBJECT_ID, nested_replaces=replaces))
    for door in (identity, arm, provider):
        door.start()
        stack.callback(door.close)
    running = Running(cloud, certificates, identity, arm, provider)
    cloud.containers.environment = running.environment()
    return running


def _without_proxy(given: str) -> str:
    return f"{given},{_LOOPBACK}" if given and _LOOPBACK not in given else given or _LOOPBACK
