-- Records a vector set, or another distance for it; a row of another model is left alone and answers with nothing.
INSERT INTO agent_memory.vector_sets AS recorded (table_name, column_name, model_name, model_version, dimensions, distance)
VALUES (%(table)s, %(column)s, %(model)s, %(version)s, %(dimensions)s, %(distance)s)
ON CONFLICT (table_name, column_name) DO UPDATE SET distance = excluded.distance
WHERE recorded.model_name = excluded.model_name AND recorded.model_version = excluded.model_version AND recorded.dimensions = excluded.dimensions
RETURNING table_name
