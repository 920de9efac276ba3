-- Drops an index while everybody works on.
DROP INDEX CONCURRENTLY IF EXISTS {schema}.{index}
