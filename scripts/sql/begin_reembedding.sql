-- Notes that a column is being filled, or goes on with one that is; no row when it was begun from another column or for another model.
INSERT INTO agent_memory.reembeddings AS begun (table_name, column_name, from_column, model_name, model_version)
VALUES (%(table)s, %(column)s, %(from_column)s, %(model)s, %(version)s)
ON CONFLICT (table_name, column_name) DO UPDATE SET filled_at = CASE WHEN begun.cut_over_at IS NULL THEN NULL ELSE begun.filled_at END
WHERE (begun.from_column, begun.model_name, begun.model_version) = (excluded.from_column, excluded.model_name, excluded.model_version)
RETURNING after_key, rows_done, cut_over_at IS NOT NULL
