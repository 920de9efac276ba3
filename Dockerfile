# The verbs of agent-memory in an image: for what has to run inside a private network, such as post-provision.
# The base is pinned by its tag; whoever needs the same bytes each time gives a digest:
#   docker build --build-arg BASE=python:3.11-slim-trixie@sha256:... .
ARG BASE=python:3.11-slim-trixie

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
# The pg_dump of `agentmem dump`: the one among the packages knows no TLS. Debian 13 has that of PostgreSQL 17, which reads every older
# server; a base whose own is older than the servers of the stack files is refused here, not at the first dump.
RUN apt-get update --quiet && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/* \
    && test "$(pg_dump --version | tr -dc '0-9.' | cut -d . -f 1)" -ge 16
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
