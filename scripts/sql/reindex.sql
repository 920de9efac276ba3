-- Builds an index again, beside itself and under its own name, while everybody works on.
REINDEX INDEX CONCURRENTLY {schema}.{index}
