"""Rules on the one-off containers inside the network: their subnet, their image, and the role that they log in with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, refuse, warn

ID = "P5"
# Azure takes five addresses of a subnet and each container group one; a group that is just going away still has its own.
_SMALLEST = 28
# Where a changed image would be noticed last.
_PINNED = frozenset({"uat", "prod"})
_IMAGE = re.compile(r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?")


def place(environment: Environment) -> Iterator[Problem]:
    """P5: only a network that is ours has a place for containers."""
    network = environment.network
    if network.job is not None and network.mode == "public":
        says = "is set, but network.mode is public: there is no network to run inside"
        yield refuse(ID, "network.job", says, hint="job: null, and network.firewall for where the commands run")


def subnet(environment: Environment) -> Iterator[Problem]:
    """P5: the subnet lies in the address space, beside the server's, and has room."""
    network = environment.network
    if network.job is None or network.mode == "public":
        return
    key, text = "network.job.subnet", network.job.subnet
    own, space, server = (_cidr(each) for each in (text, network.address_space, network.subnet))
    if own is None:
        hint = "an address and a length without host bits, for example 10.20.2.0/28"
        yield refuse(ID, key, f"is {text}, which is not an IPv4 network", found=text, hint=hint)
        return
    if space is not None and not own.subnet_of(space):
        yield refuse(ID, key, f"is {own}, which is outside network.address_space {space}", found=text)
    if server is not None and own.overlaps(server):
        says = f"is {own}, which overlaps network.subnet {server}: a subnet is delegated to one service"
        yield refuse(ID, key, says, found=text, hint="a range of its own")
    if own.prefixlen > _SMALLEST:
        says = f"is a /{own.prefixlen}, a /{_SMALLEST} is the least: Azure takes five addresses, and each container one"
        yield refuse(ID, key, says, found=text, hint=f"{own.network_address}/{_SMALLEST}, or larger")


def image(environment: Environment) -> Iterator[Problem]:
    """P5: an image with its registry; in uat and prod the same bytes each time."""
    job = environment.network.job
    if job is None:
        return
    if not _IMAGE.fullmatch(job.image):
        hint = "for example REGISTRY.azurecr.io/agentmem:1@sha256:DIGEST"
        yield refuse(ID, "network.job.image", f"is {job.image}, which is not an image of a registry", found=job.image, hint=hint)
    elif environment.name in _PINNED and "@" not in job.image:
        says = f"is {job.image}, named by a tag: whoever may push to the registry decides what runs as an administrator of the server"
        hint = "az acr manifest show-metadata --registry REGISTRY --name agentmem:1 --query digest"
        yield warn(ID, "network.job.image", says, found=job.image, hint=hint)


def role(environment: Environment) -> Iterator[Problem]:
    """P5: nobody else has the name by which the containers log in."""
    access = environment.access
    if environment.network.job is None:
        return
    if access.administrator == names.JOB:
        yield refuse(ID, "access.administrator", f"is {names.JOB}, the role of network.job", found=names.JOB, hint="for example cogadmin")
    for index, each in enumerate(access.entra_administrators):
        if each.principal_name == names.JOB:
            says = f"is {names.JOB}, which network.job makes an administrator by itself"
            yield refuse(ID, f"access.entra_administrators[{index}].principal_name", says, found=names.JOB, hint="remove it")


def _cidr(text: str | None) -> IPv4Network | None:
    try:
        return IPv4Network(text) if text and "/" in text else None
    except ValueError:
        return None


PRODUCT_RULES = (
    Rule(ID, "Containers inside the network have room, a pinned image and their own role", "this program", (place, subnet, image, role)),
)
