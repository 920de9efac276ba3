-- A column for vectors of a new model; empty, so it takes no time.
ALTER TABLE {schema}.{table} ADD COLUMN IF NOT EXISTS {column} {type}({dimensions})
