-- Hides an index from the planner until this transaction is rolled back; never committed.
DROP INDEX {schema}.{index}
