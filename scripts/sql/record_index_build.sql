-- Writes down what an index was built on, and forgets the indexes that are gone. Nothing is written for an index that is not there.
WITH gone AS (
  DELETE FROM agent_memory.index_builds AS build WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = build.index_oid AND relkind = 'i')
)
INSERT INTO agent_memory.index_builds AS build
  (index_oid, index_name, table_name, column_name, kind, rows, memory_kib, workers, spilled, size_bytes, vector_version)
SELECT class.oid, class.relname, %(table)s, %(column)s, %(kind)s, %(rows)s, %(memory)s, %(workers)s, %(spilled)s, %(size)s,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector')
FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname = %(schema)s AND class.relname = %(index)s AND class.relkind = 'i'
ON CONFLICT (index_oid) DO UPDATE SET
  index_name = excluded.index_name, table_name = excluded.table_name, column_name = excluded.column_name, kind = excluded.kind,
  rows = excluded.rows, memory_kib = excluded.memory_kib, workers = excluded.workers, spilled = excluded.spilled,
  size_bytes = excluded.size_bytes, vector_version = excluded.vector_version, built_at = excluded.built_at
RETURNING index_oid
