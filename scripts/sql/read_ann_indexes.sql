-- The vector indexes of a database that stand alone (those of partitioned tables belong to their parent's), with what their builds need.
SELECT index.indexrelid, namespace.nspname, class.relname, relation_namespace.nspname, relation.relname, method.amname,
       operator_class.opcname, pg_get_indexdef(index.indexrelid, 1, true), pg_get_indexdef(index.indexrelid),
       index.indpred IS NOT NULL, index.indisvalid AND index.indisready, coalesce(class.reloptions, '{{}}'),
       attribute.atttypmod, pg_relation_size(class.oid)
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indexrelid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
JOIN pg_class AS relation ON relation.oid = index.indrelid
JOIN pg_namespace AS relation_namespace ON relation_namespace.oid = relation.relnamespace
JOIN pg_am AS method ON method.oid = class.relam
JOIN pg_opclass AS operator_class ON operator_class.oid = index.indclass[0]
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum = 1
WHERE method.amname IN ('hnsw', 'ivfflat') AND class.relkind = 'i' AND NOT class.relispartition
ORDER BY pg_relation_size(class.oid) DESC, 2, 3
