-- How far an index build is; no row when there is none any more.
SELECT phase, tuples_done, blocks_done, blocks_total, current_locker_pid FROM pg_stat_progress_create_index WHERE pid = %(pid)s
