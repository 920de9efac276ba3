-- Kind and dimensions of a column; no row when there is none.
SELECT type.typname, attribute.atttypmod
FROM pg_attribute AS attribute JOIN pg_type AS type ON type.oid = attribute.atttypid
WHERE attribute.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
  AND attribute.attname = %(column)s AND attribute.attnum > 0 AND NOT attribute.attisdropped
