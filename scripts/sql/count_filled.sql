-- Whether a column holds any vector.
SELECT EXISTS (SELECT FROM {schema}.{table} WHERE {column} IS NOT NULL)
