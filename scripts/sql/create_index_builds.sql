-- What each vector index was built on. An index is known by its oid: names change when a better one takes its place.
CREATE TABLE IF NOT EXISTS agent_memory.index_builds (
  index_oid oid PRIMARY KEY,
  index_name text NOT NULL,
  table_name text NOT NULL,
  column_name text NOT NULL,
  kind text NOT NULL,
  rows bigint NOT NULL CHECK (rows >= 0),
  memory_kib bigint NOT NULL,
  workers integer NOT NULL,
  spilled boolean NOT NULL,
  size_bytes bigint NOT NULL,
  vector_version text,
  built_at timestamptz NOT NULL DEFAULT now()
)
