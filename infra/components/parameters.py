"""The server parameters, one after another in the order of the domain."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.outcomes import allow_list_hooks, restart_hooks
from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.azure import parameters
from infra.domain.environment import Environment
from infra.domain.server_parameters import ServerParameter, desired

# Azure wants it beside each value; without it the value counts as a default.
SOURCE = "user-override"


class Parameters(pulumi.ComponentResource):
    """Every parameter that the environment sets. None is protected: removing one only writes its default back."""

    def __init__(self, name: str, environment: Environment, queue: WriteQueue, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-memory:index:Parameters", name, None, opts)
        self._name, self._environment, self._queue = name, environment, queue
        self._restart = restart_hooks(f"{name}-restart", environment.name)
        self._allow_list = allow_list_hooks(f"{name}-allow-list")
        self.parameters = [self._parameter(parameter) for parameter in desired(environment)]
        self.register_outputs({"values": {parameter.name: parameter.value for parameter in desired(environment)}})

    def _parameter(self, parameter: ServerParameter) -> dbforpostgresql.Configuration:
        return self._queue.write(
            lambda options: dbforpostgresql.Configuration(
                f"{self._name}-{parameter.name}",
                configuration_name=parameter.name,
                value=parameter.value,
                source=SOURCE,
                resource_group_name=names.resource_group(self._environment),
                server_name=self._environment.server.name,
                opts=options,
            ),
            self,
            dies_with_server=True,
            hooks=self._hooks(parameter.name),
        )

    def _hooks(self, parameter: str) -> pulumi.ResourceHookBinding | None:
        if parameter == "azure.extensions":
            return self._allow_list
        return self._restart if is_static(parameter) else None


def is_static(name: str) -> bool:
    """Whether a new value waits for a restart."""
    known = parameters.find(name)
    return known is not None and not known.dynamic
