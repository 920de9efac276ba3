-- Which model and version filled each vector set, as recorded.
SELECT jsonb_build_object('table', table_name, 'column', column_name, 'name', model_name, 'version', model_version,
                          'dimensions', dimensions, 'distance', distance)
FROM agent_memory.vector_sets
ORDER BY table_name, column_name
