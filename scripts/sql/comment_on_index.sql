-- Writes down on an index what is known about it.
COMMENT ON INDEX {schema}.{index} IS {comment}
