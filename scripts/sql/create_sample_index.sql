-- The build that is timed.
CREATE INDEX ON agentmem_sample USING hnsw (embedding {operator_class}) WITH (m = {m}, ef_construction = {ef_construction})
