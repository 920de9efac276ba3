-- The vector indexes of one table, usable or not, and the type of the column that is asked about.
SELECT class.relname, method.amname, operator_class.opcname, pg_get_indexdef(index.indexrelid, 1, true),
       index.indpred IS NOT NULL, index.indisvalid AND index.indisready, coalesce(class.reloptions, '{{}}'), column_type.typname
FROM pg_class AS relation
JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
JOIN pg_index AS index ON index.indrelid = relation.oid
JOIN pg_class AS class ON class.oid = index.indexrelid
JOIN pg_am AS method ON method.oid = class.relam
JOIN pg_opclass AS operator_class ON operator_class.oid = index.indclass[0]
JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid AND attribute.attname = %(column)s AND NOT attribute.attisdropped
JOIN pg_type AS column_type ON column_type.oid = attribute.atttypid
WHERE namespace.nspname = %(schema)s AND relation.relname = %(table)s AND method.amname IN ('hnsw', 'ivfflat')
ORDER BY class.relname
