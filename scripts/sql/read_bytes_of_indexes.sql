-- Bytes of all indexes that no extension brought.
SELECT coalesce(sum(pg_relation_size(class.oid)), 0)::bigint
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind = 'i' AND namespace.nspname !~ '^pg_' AND namespace.nspname <> 'information_schema'
