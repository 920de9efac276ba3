"""Small programs for the tests of the capture, a provider that remembers, and the call that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as messages, provider_pb2_grpc

from infra.domain.registrations import Plan
from scripts.edges.capture import capture, configuration_of

PROGRAM = """
import pulumi
from pulumi import ResourceOptions
from pulumi_azure_native import dbforpostgresql as postgresql, resources

config = pulumi.Config("agent-memory")
server_name = config.require_object("server")["name"]
location = pulumi.Config("azure-native").require("location")
group = resources.ResourceGroup("group", resource_group_name="rg-" + server_name, location=location)


class Store(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("agent-memory:index:Store", name)
        self.server = postgresql.Server(
            "server", resource_group_name=group.name, server_name=server_name, location=location, version="16",
            administrator_login="cog", administrator_login_password=config.require_secret("administrator_password"),
            sku={"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, storage={"storage_size_gb": 128}, availability_zone="1",
            opts=ResourceOptions(
                parent=self, protect=True, ignore_changes=["availabilityZone", "highAvailability.standbyAvailabilityZone"],
                custom_timeouts=pulumi.CustomTimeouts(create="45m"), additional_secret_outputs=["minorVersion"]),
        )
        before = self.server
        for number, (parameter, value) in enumerate([("azure.extensions", "VECTOR"), ("work_mem", "16384"), ("log_min", "5")]):
            before = postgresql.Configuration(
                parameter, resource_group_name=group.name, server_name=self.server.name, configuration_name=parameter,
                value=value, source="user-override",
                opts=ResourceOptions(parent=self, depends_on=[before], deleted_with=self.server, protect=False))
        self.register_outputs({})


store = Store("server")
pulumi.export("id", store.server.id)
pulumi.export("host", store.server.fully_qualified_domain_name)
pulumi.export("upper", store.server.name.apply(str.upper))
pulumi.export("password", config.require_secret("administrator_password"))
pulumi.export("stack", pulumi.get_stack())
"""
HOOKED = """
import pulumi
from pulumi_azure_native import resources, dbforpostgresql as postgresql
seen = []
def before(args):
    if "forbidden" in args.new_inputs.get("resourceGroupName", ""):
        raise Exception("this name is forbidden")
def again(args):
    return "ServerIsBusy" in args.errors[0]
binding = pulumi.ResourceHookBinding(
    before_create=[pulumi.ResourceHook("before", before)], on_error=[pulumi.ErrorHook("again", again)])
hooked = pulumi.ResourceOptions(hooks=binding)
name = pulumi.Config("agent-memory").require_object("server")["name"]
group = resources.ResourceGroup("group", resource_group_name=name, opts=hooked)
postgresql.Configuration("p", resource_group_name="g", server_name="s", configuration_name="work_mem", value="1", opts=hooked)
"""


def run(folder: Path, text: str = PROGRAM, stack: str = "prod", **options: Any) -> Plan:
    """Write the program into `folder` and capture it."""
    path = folder / "__main__.py"
    path.write_text(text, encoding="utf-8")
    values = {"environment": stack, "location": "westeurope", "server": {"name": "zep"}, "replica": None}
    return capture("agent-memory", stack, configuration_of(values), program=path, **options)


class Cloud(provider_pb2_grpc.ResourceProviderServicer):
    """A provider that accepts what it is given and remembers every request."""

    def __init__(self, *, takes_secrets: bool = True) -> None:
        self.takes_secrets = takes_secrets
        self.variables: dict[str, str] = {}
        self.checked: list[Any] = []
        self.created: list[Any] = []
        self.busy = 0

    def Configure(self, request: Any, context: Any = None) -> Any:
        self.variables = dict(request.variables)
        return messages.ConfigureResponse(acceptSecrets=self.takes_secrets)

    def Invoke(self, request: Any, context: Any = None) -> Any:
        if request.tok != "azure-native:authorization:getClientConfig":
            return messages.InvokeResponse(failures=[messages.CheckFailure(reason="there is none of this name")])
        found = Struct()
        found["tenantId"] = "the tenant of this cloud"
        return messages.InvokeResponse(**{"return": found})

    def Check(self, request: Any, context: Any = None) -> Any:
        self.checked.append(request)
        failures = []
        if "value" in request.news.fields and request.news["value"] == "refuse me":
            failures = [messages.CheckFailure(property="value", reason="is outside 64 to 2147483647")]
        return messages.CheckResponse(inputs=request.news, failures=failures)

    def Create(self, request: Any, context: Any = None) -> Any:
        if self.busy and request.type.endswith(":Configuration"):
            self.busy -= 1
            raise ServiceError("ServerIsBusy: another operation runs")
        self.created.append(request)
        properties = Struct()
        properties.CopyFrom(request.properties)
        properties["name"] = request.properties["serverName"] if "serverName" in request.properties.fields else request.name
        if request.type.endswith(":ResourceGroup"):
            properties["name"] = request.properties["resourceGroupName"]
        properties["minorVersion"] = "14"
        properties["fullyQualifiedDomainName"] = "zep.local"
        return messages.CreateResponse(id=f"/made/{request.name}", properties=properties)


class ServiceError(Exception):
    code = "Conflict"
