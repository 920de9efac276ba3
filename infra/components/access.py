"""The Entra administrators of the server, before the databases, so that they may own them."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.job import JobPlace
from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.environment import EntraAdministrator, Environment


class Access(pulumi.ComponentResource):
    """One Entra administrator after another, the identity of the one-off containers last; none on a server with passwords only."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        queue: WriteQueue,
        tenant_id: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        job: JobPlace | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Access", name, None, opts)
        self._name, self._environment, self._queue, self._tenant_id = name, environment, queue, tenant_id
        self.administrators = [self._declared(declared) for declared in environment.access.entra_administrators]
        if job is not None:
            # Its object id is known only once it is made, so the resource is called by the name.
            self.administrators.append(self._administrator(names.JOB, job.identity.principal_id, names.JOB, "ServicePrincipal"))
        self.register_outputs({"administrator_ids": [administrator.id for administrator in self.administrators]})

    def _declared(self, declared: EntraAdministrator) -> dbforpostgresql.AdministratorsMicrosoftEntra:
        return self._administrator(declared.object_id, declared.object_id, declared.principal_name, declared.principal_type)

    def _administrator(
        self, called: str, object_id: pulumi.Input[str], principal_name: str, principal_type: str
    ) -> dbforpostgresql.AdministratorsMicrosoftEntra:
        # principal_type as plain text: the SDK's enum of that name has lower-case values of another service.
        return self._queue.write(
            lambda options: dbforpostgresql.AdministratorsMicrosoftEntra(
                f"{self._name}-administrator-{called}",
                object_id=object_id,
                principal_name=principal_name,
                principal_type=principal_type,
                tenant_id=self._tenant_id,
                resource_group_name=names.resource_group(self._environment),
                server_name=self._environment.server.name,
                opts=options,
            ),
            self,
            dies_with_server=True,
        )
