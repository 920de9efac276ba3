-- Whether queries may use an index, and its size in bytes.
SELECT index.indisvalid AND index.indisready, pg_relation_size(class.oid)
FROM pg_class AS class
JOIN pg_index AS index ON index.indexrelid = class.oid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname = %(schema)s AND class.relname = %(index)s
