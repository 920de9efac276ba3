-- What our builds wrote down about the indexes of some tables.
SELECT build.index_oid::bigint, build.rows, extract(epoch FROM now() - build.built_at)::float8 / 86400, build.vector_version
FROM agent_memory.index_builds AS build
WHERE build.table_name = ANY (%(tables)s::text[])
