"""`agentmem inside`: runs one command of agentmem in a container inside the environment's network, and leaves nothing there.

The container logs in as its managed identity, so no password travels. A run that was killed is found by the next one: joined if it
does the same, removed if it has ended, left alone if it does something else.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.problem import Invalid
from scripts.edges import container_job, screen, stack_file
from scripts.edges.container_job import Found, Jobs, Place, Work
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, GOOD, USAGE, Failure
from scripts.edges.interruptions import ending_in_order, uninterrupted

GUIDE = "docs/guides/inside-the-network.md"
# What makes no sense there: a container in a container, and what brings its own Azure.
_NOT_INSIDE = ("inside", "local-azure", "rehearse")
# Where a dump is made on its way into Blob: what is mounted there can only be read.
_WORK = "/tmp/agentmem"
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@|\bpassword=", re.IGNORECASE)


def inside(
    stack: str,
    folder: Path,
    command: Sequence[str],
    *,
    dry_run: bool,
    replace: bool,
    password: str | None = None,
    jobs: Jobs | None = None,
) -> int:
    """Run `agentmem COMMAND` inside the network of `stack`; the command's own exit code. Raises Failure and Invalid.

    `replace` ends what another run left there, whatever it does. With a `password` the command logs in as the administrator.
    """
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    work = _work(loaded.environment, stack_file.without_secrets(loaded), command, password)
    if dry_run:
        _show(loaded.environment, work)
        return GOOD
    azure = jobs or container_job.jobs()
    with ending_in_order():
        place = _place(loaded.environment, azure)
        left = azure.find(place)
        if left is not None and _stands_in_the_way(left, work, place, replace):
            screen.talk(_told_of(left))
            azure.remove(place, left.run)
            left = None
        return _run(azure, place, work, left)


def _run(azure: Jobs, place: Place, work: Work, joined: Found | None) -> int:
    """Start the container or join the one that runs, follow it, and remove it whatever happens."""
    words, clock, run = " ".join(work.command), screen.Stopwatch(), joined.run if joined else uuid.uuid4().hex
    screen.talk(f"{'joining' if joined else 'running'} {words} inside {place.network} as {names.JOB}")
    try:
        if not joined:
            azure.start(place, work, run)
        code = azure.follow(place, run, container_job.write, screen.talk)
    finally:
        left = _remove(azure, place, run)
    screen.talk(f"{words} ended with {code} after {clock.seconds:.1f} s; {left}")
    return code


def _remove(azure: Jobs, place: Place, run: str) -> str:
    """Remove the container and say so; that it could not be removed changes nothing about what the command did."""
    with uninterrupted():
        try:
            azure.remove(place, run)
        except Failure as failure:
            left = f"the container is left: {failure.fact}; the next run removes it"
            screen.talk(left)
            return left
    return "the container is removed"


def _stands_in_the_way(left: Found, work: Work, place: Place, replace: bool) -> bool:
    """Whether what an earlier run left must go first; False for one to join. Raises Failure (BUSY) for one at other work."""
    if replace or left.ended:
        return True
    if left.digest == work.digest:
        return False
    hint = "wait for it, or --replace ends it"
    raise Failure(BUSY, f"another command runs there: {' '.join(left.command)}", where=place.name, hint=hint)


def _told_of(left: Found) -> str:
    ended = f"ended with {left.exit_code}" if left.exit_code is not None else f"was {left.state}"
    return f"removing what an earlier run left: {' '.join(left.command)} {ended}"


def _work(environment: Environment, stack_text: bytes, command: Sequence[str], password: str | None) -> Work:
    job = environment.network.job
    if job is None:
        hint = f"network.job in Pulumi.{environment.name}.yaml, then agentmem up; {GUIDE}"
        raise Failure(CONFIGURATION, f"{environment.name} declares no place for containers inside its network", hint=hint)
    words = list(command[1:] if command[:1] == ["agentmem"] else command)
    if not words or words[0].startswith("-") or words[0] in _NOT_INSIDE:
        says = f"{words[0]} is no verb to run inside a network" if words else "a verb is missing"
        raise Failure(USAGE, says, hint=f"agentmem inside --stack {environment.name} -- post-provision")
    if any(_PASSWORD.search(word) for word in words):
        says = "the command holds a password, and whoever may read the container can read it"
        raise Failure(USAGE, says, hint="leave it out: the identity logs in")
    if not {"--stack", "-s"} & {word.partition("=")[0] for word in words}:
        words += ["--stack", environment.name]
    login = {} if password else {"AGENTMEM_ENTRA": "1", "AGENTMEM_USER": names.JOB}
    variables = {"AGENTMEM_FOLDER": container_job.MOUNTED, "AGENTMEM_WORK": _WORK, **login}
    files = {f"Pulumi.{environment.name}.yaml": stack_text}
    digest = hashlib.sha256("\0".join([job.image, *words]).encode() + b"\0" + stack_text).hexdigest()[:32]
    return Work(job.image, words, variables, files, digest, {"PGPASSWORD": password} if password else {})


def _place(environment: Environment, azure: Jobs) -> Place:
    """Where the program made room. Raises Failure (BAD) where it has not yet."""
    group, network, subnet = names.resource_group(environment), names.virtual_network(environment), names.job_subnet(environment)
    try:
        return azure.place(group, environment.location, names.JOB, network, subnet)
    except Failure as failure:
        if failure.code is not BAD:
            raise
        hint = f"network.job is declared; agentmem up --stack {environment.name} makes it"
        raise Failure(BAD, f"{names.JOB} is not there", where=group, hint=hint) from None


def _show(environment: Environment, work: Work) -> None:
    rows = [
        ("  command", f"agentmem {' '.join(work.command)}"),
        ("  image", work.image),
        ("  in", f"{names.job_subnet(environment)} of {names.virtual_network(environment)}, as {names.JOB}"),
        ("  with", f"{', '.join(work.files)} without its secrets{', and PGPASSWORD as a secure value' if work.secrets else ''}"),
    ]
    screen.say(f"inside {environment.name} · {names.server_host(environment)}")
    for line in screen.table(rows):
        screen.say(line)
    screen.say("nothing was started")
