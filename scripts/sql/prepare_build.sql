-- This session's settings for one build: memory for the whole graph, and workers although vectors in TOAST make the table look tiny.
SELECT set_config('maintenance_work_mem', %(memory)s, false),
       set_config('max_parallel_maintenance_workers', %(workers)s, false),
       set_config('min_parallel_table_scan_size', '0', false),
       set_config('statement_timeout', '0', false),
       set_config('lock_timeout', '0', false)
