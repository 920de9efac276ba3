-- The comment of an index.
SELECT obj_description(to_regclass(format('%%I.%%I', %(schema)s::text, %(index)s::text)), 'pg_class')
