-- How far every re-embedding is.
SELECT jsonb_build_object('table', table_name, 'column', column_name, 'from_column', from_column, 'rows_done', rows_done,
                          'filled', filled_at IS NOT NULL, 'cut_over', cut_over_at IS NOT NULL)
FROM agent_memory.reembeddings
ORDER BY table_name, column_name
