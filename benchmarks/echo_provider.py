"""A Pulumi provider that does nothing: it echoes inputs as outputs. What the engine costs with it, it costs with any provider."""

from __future__ import annotations

from concurrent import futures
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as pb, provider_pb2_grpc

# As the provider door of the local Azure, so that only the work differs.
THREADS = 16


class Echo(provider_pb2_grpc.ResourceProviderServicer):
    """Answers each call with what came in; nothing is kept, nothing ever differs."""

    def Attach(self, request: Any, context: Any) -> Empty:
        return Empty()

    def Handshake(self, request: Any, context: Any) -> pb.ProviderHandshakeResponse:
        return pb.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="3.29.0")

    def CheckConfig(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> pb.DiffResponse:
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        return pb.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Create(self, request: pb.CreateRequest, context: Any) -> pb.CreateResponse:
        return pb.CreateResponse(id="" if request.preview else request.urn, properties=request.properties)

    def Cancel(self, request: Any, context: Any) -> Empty:
        return Empty()


def serve() -> tuple[grpc.Server, int]:
    """Serve from gRPC's own threads; returns the server and the port on 127.0.0.1."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS, "echo"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
