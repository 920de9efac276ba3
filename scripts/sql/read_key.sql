-- The columns of a table's primary key, in its order, each with its type.
SELECT attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
FROM pg_index AS index
CROSS JOIN unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (number, place)
JOIN pg_attribute AS attribute ON attribute.attrelid = index.indrelid AND attribute.attnum = part.number
WHERE index.indisprimary AND index.indrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
ORDER BY part.place
