-- Memory for the whole sample and no workers: what one core does is what is asked.
SELECT set_config('maintenance_work_mem', %(memory)s, true), set_config('max_parallel_maintenance_workers', '0', true),
       set_config('statement_timeout', '0', true)
