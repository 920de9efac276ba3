-- Builds a vector index, CONCURRENTLY where others work on. Never with IF NOT EXISTS: that takes an invalid index for a good one.
CREATE INDEX {concurrently} {index} ON {schema}.{table} USING {method} ({expression} {operator_class}) WITH ({options})
