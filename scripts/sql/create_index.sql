-- Builds a vector index while everybody works on. Never with IF NOT EXISTS: that takes an invalid index for a good one.
CREATE INDEX CONCURRENTLY {index} ON {schema}.{table} USING {method} ({expression} {operator_class}) WITH ({options})
