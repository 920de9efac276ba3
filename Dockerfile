# The verbs of agent-memory in an image: for what has to run inside a private network, such as post-provision.
# The base is pinned by its tag; whoever needs the same bytes each time gives a digest:
#   docker build --build-arg BASE=python:3.11-slim@sha256:... .
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /build
RUN python -m venv /opt/agentmem
# First what seldom changes. Every package is pinned with its hash, and none is built here.
COPY requirements.txt ./
RUN /opt/agentmem/bin/pip --disable-pip-version-check --no-input install --no-cache-dir --no-compile --no-deps \
    --require-hashes --only-binary :all: --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY infra ./infra
COPY scripts ./scripts
RUN /opt/agentmem/bin/pip --disable-pip-version-check --no-input install --no-cache-dir --no-deps \
    --no-build-isolation --no-index .

FROM ${BASE}
# A number, so that a cluster that forbids root can see that it is none.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin agentmem
COPY --from=build /opt/agentmem /opt/agentmem
WORKDIR /environments
COPY Pulumi.yaml Pulumi.*.yaml ./
ENV PATH=/opt/agentmem/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["agentmem"]
CMD ["--help"]
