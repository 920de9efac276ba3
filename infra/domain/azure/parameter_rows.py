"""Server parameters: one row each, as a fresh PostgreSQL 17.9 server on Standard_D4ds_v4 listed them on 2026-04-16.

Columns, separated by tabs: name, type, default, initial value where it differs (else -), allowed values, flags (d dynamic, s static,
w writable, r read-only), unit (or -). The defaults of memory-sized parameters are those of 16 GiB. What PostgreSQL 16 lists instead was
never recorded: the ranges of the parameters that this product sets agree with the documents for 16."""

ROWS = r"""
allow_alter_system	Boolean	on	-	on,off	dr	-
allow_in_place_tablespaces	Boolean	off	-	on,off	dr	-
allow_system_table_mods	Boolean	off	-	on,off	dr	-
anon.algorithm	String	sha256	-	.*	dr	-
anon.k_anonymity_provider	String	k_anonymity	-	.*	dr	-
anon.masking_policies	String	anon	-	.*	dr	-
anon.maskschema	String	mask	-	.*	dr	-
anon.privacy_by_default	Boolean	off	-	on,off	dr	-
anon.restrict_to_trusted_schemas	Boolean	on	-	on,off	dr	-
anon.salt	String		-	.*	dr	-
anon.sourceschema	String	public	-	.*	dr	-
anon.strict_mode	Boolean	on	-	on,off	dr	-
anon.transparent_dynamic_masking	Boolean	off	-	on,off	dr	-
application_name	String		-	[A-Za-z0-9._-]*	dw	-
archive_cleanup_command	String		-	.*	dr	-
archive_command	String		BlobLogUpload.sh %f %p	.*	dr	-
archive_library	String		-	.*	dr	-
archive_mode	Enumeration	off	always	always,on,off	sr	-
archive_timeout	Integer	300	-	0-1073741823	dr	s
array_nulls	Boolean	on	-	on,off	dw	-
authentication_timeout	Integer	60	30	1-600	dr	seconds
auto_explain.log_analyze	Boolean	off	-	on,off	dw	-
auto_explain.log_buffers	Boolean	off	-	on,off	dw	-
auto_explain.log_format	Enumeration	text	-	text,xml,json,yaml	dw	-
auto_explain.log_level	Enumeration	log	-	debug5,debug4,debug3,debug2,debug1,debug,info,notice,warning,log	dw	-
auto_explain.log_min_duration	Integer	-1	-	-1-2147483647	dw	milliseconds
auto_explain.log_nested_statements	Boolean	off	-	on,off	dw	-
auto_explain.log_parameter_max_length	Integer	-1	-	-1-2147483647	dw	B
auto_explain.log_settings	Boolean	off	-	on,off	dw	-
auto_explain.log_timing	Boolean	on	-	on,off	dw	-
auto_explain.log_triggers	Boolean	off	-	on,off	dw	-
auto_explain.log_verbose	Boolean	off	-	on,off	dw	-
auto_explain.log_wal	Boolean	off	-	on,off	dw	-
auto_explain.sample_rate	Numeric	1.0	-	0.0-1.0	dw	-
autovacuum	Boolean	on	-	on,off	dw	-
autovacuum_analyze_scale_factor	Numeric	0.1	-	0-100	dw	-
autovacuum_analyze_threshold	Integer	50	-	0-2147483647	dw	-
autovacuum_freeze_max_age	Integer	200000000	-	100000-2000000000	sw	-
autovacuum_max_workers	Integer	3	-	1-262143	sw	-
autovacuum_multixact_freeze_max_age	Integer	400000000	-	10000-2000000000	sw	-
autovacuum_naptime	Integer	60	-	1-2147483	dw	s
autovacuum_vacuum_cost_delay	Integer	2	-	-1-100	dw	ms
autovacuum_vacuum_cost_limit	Integer	-1	-	-1-10000	dw	-
autovacuum_vacuum_insert_scale_factor	Numeric	0.2	-	0-100	dw	-
autovacuum_vacuum_insert_threshold	Integer	1000	-	-1-2147483647	dw	-
autovacuum_vacuum_scale_factor	Numeric	0.2	-	0-100	dw	-
autovacuum_vacuum_threshold	Integer	50	-	0-2147483647	dw	-
autovacuum_work_mem	Integer	-1	-	-1-2097151	dw	KB
azure.accepted_password_auth_method	Set	md5,scram-sha-256	-	md5,scram-sha-256	dw	-
azure.enable_temp_tablespaces_on_local_ssd	Boolean	on	-	on,off	dw	-
azure.extensions	Set		-	,address_standardizer,address_standardizer_data_us,age,amcheck,anon,azure_ai,azure_storage,bloom,btree_gin,btree_gist,citext,credcheck,cube,dblink,dict_int,dict_xsyn,earthdistance,fuzzystrmatch,hll,hstore,hypopg,intagg,intarray,ip4r,isn,lo,login_hook,ltree,oracle_fdw,orafce,pageinspect,pg_buffercache,pg_cron,pg_diskann,pg_duckdb,pg_freespacemap,pg_hint_plan,pg_ivm,pg_partman,pg_prewarm,pg_repack,pg_squeeze,pg_stat_statements,pg_trgm,pg_visibility,pgaudit,pgcrypto,pglogical,pgrouting,pgrowlocks,pgstattuple,plpgsql,plv8,postgis,postgis_raster,postgis_sfcgal,postgis_tiger_geocoder,postgis_topology,postgres_fdw,postgres_protobuf,semver,session_variable,sslinfo,tablefunc,tdigest,tds_fdw,timescaledb,topn,tsm_system_rows,tsm_system_time,unaccent,uuid-ossp,vector	dw	-
azure.fabric_mirror_enabled	Boolean	off	-	on,off	dw	-
azure.migration_copy_with_binary	Boolean	off	-	on, off	dw	-
azure.migration_skip_analyze	Boolean	off	-	on, off	dw	-
azure.migration_skip_extensions	Boolean	off	-	on, off	dw	-
azure.migration_skip_large_objects	Boolean	off	-	on, off	dw	-
azure.migration_skip_role_user	Boolean	on	-	on, off	dr	-
azure.migration_table_split_size	Integer	20480	-	1-204800	dw	MB
azure.service_principal_id	String		-	.*	sr	-
azure.service_principal_tenant_id	String		-	.*	sr	-
azure.single_to_flex_migration	Boolean	off	-	on,off	dr	-
azure_cdc.change_batch_buffer_size	Integer	16	-	1-100	dw	-
azure_cdc.change_batch_export_timeout	Integer	30	-	10-60	dw	-
azure_cdc.max_fabric_mirrors	Integer	3	-	1-6	sw	-
azure_cdc.max_snapshot_workers	Integer	3	-	0-100	dw	-
azure_cdc.onelake_buffer_size	Integer	100	-	1-1024	dw	megabytes
azure_cdc.parquet_compression	Enumeration	zstd	-	uncompressed,snappy,gzip,zstd	dw	-
azure_cdc.snapshot_buffer_size	Integer	1000	-	10-4000	dw	-
azure_cdc.snapshot_export_timeout	Integer	180	-	0-1440	dw	-
azure_storage.allow_network_access	Boolean	on	-	on,off	dw	-
azure_storage.blob_block_size_mb	Integer	512	-	1-4000	dr	megabytes
azure_storage.log_level	Enumeration	log	-	debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error	dw	-
azure_storage.public_account_access	Boolean	on	-	on,off	dw	-
backend_flush_after	Integer	256	-	0-256	dw	8KB
backslash_quote	Enumeration	safe_encoding	-	safe_encoding,on,off	dw	-
backtrace_functions	String		-	.*	dr	-
bgwriter_delay	Integer	20	-	10-10000	dw	ms
bgwriter_flush_after	Integer	64	-	0-256	dw	8kB
bgwriter_lru_maxpages	Integer	100	-	0-1073741823	dw	-
bgwriter_lru_multiplier	Numeric	2	-	0-10	dw	-
block_size	Integer	8192	-	8192-8192	dr	-
bonjour	Boolean	off	-	on,off	sr	-
bonjour_name	String		-	.*	sr	-
bytea_output	Enumeration	hex	-	escape,hex	dw	-
check_function_bodies	Boolean	on	-	on,off	dw	-
checkpoint_completion_target	Numeric	0.9	-	0-1	dw	-
checkpoint_flush_after	Integer	32	-	0-256	dr	8KB
checkpoint_timeout	Integer	600	-	30-86400	dw	s
checkpoint_warning	Integer	30	-	0-2147483647	dw	s
client_connection_check_interval	Integer	0	-	0-2147483647	dr	milliseconds
client_encoding	Enumeration	UTF8	-	BIG5,EUC_CN,EUC_JP,EUC_JIS_2004,EUC_KR,EUC_TW,GB18030,GBK,ISO_8859_5,ISO_8859_6,ISO_8859_7,ISO_8859_8,JOHAB,KOI8R,KOI8U,LATIN1,LATIN2,LATIN3,LATIN4,LATIN5,LATIN6,LATIN7,LATIN8,LATIN9,LATIN10,MULE_INTERNAL,SJIS,SHIFT_JIS_2004,SQL_ASCII,UHC,UTF8,WIN866,WIN874,WIN1250,WIN1251,WIN1252,WIN1253,WIN1254,WIN1255,WIN1256,WIN1257,WIN1258	dw	-
client_min_messages	Enumeration	notice	-	debug5,debug4,debug3,debug2,debug1,log,notice,warning,error	dw	-
cluster_name	String		-	.*	sr	-
commit_delay	Integer	0	-	0-100000	dw	microseconds
commit_siblings	Integer	5	-	0-1000	dw	-
commit_timestamp_buffers	Integer	0	1024	0-131072	sw	8kB
compute_query_id	Enumeration	auto	-	auto,regress,on,off	dr	-
config_file	String		/datadrive/pg/data/postgresql.conf	.*	sr	-
connection_throttle.bucket_limit	Integer	2000	-	1-2147483647	dw	-
connection_throttle.enable	Boolean	off	-	on,off	dw	-
connection_throttle.factor_bias	Numeric	0.8	-	0.0-0.9	dw	-
connection_throttle.hash_entries_max	Integer	500	-	1-2147483647	dw	-
connection_throttle.reset_time	Integer	120	-	1-2147483647	dw	seconds
connection_throttle.restore_factor	Numeric	2	-	1.0-100.0	dw	-
connection_throttle.update_time	Integer	20	-	1-2147483647	dw	seconds
constraint_exclusion	Enumeration	partition	-	partition,on,off	dw	-
cpu_index_tuple_cost	Numeric	0.005	-	0-1.79769e+308	dw	-
cpu_operator_cost	Numeric	0.0025	-	0-1.79769e+308	dw	-
cpu_tuple_cost	Numeric	0.01	-	0-1.79769e+308	dw	-
createrole_self_grant	String		-	.*	dr	-
credcheck.auth_delay_ms	Integer	0	-	0-2147483	dw	-
credcheck.auth_failure_cache_size	Integer	1024	-	1-2097151	dw	-
credcheck.encrypted_password_allowed	Boolean	off	-	on,off	dw	-
credcheck.history_max_size	Integer	65535	-	1-2097151	dw	-
credcheck.max_auth_failure	Integer	0	-	0-64	dw	-
credcheck.no_password_logging	Boolean	on	-	on,off	dw	-
credcheck.password_contain	String		-	.*	dw	-
credcheck.password_contain_username	Boolean	on	-	on,off	dw	-
credcheck.password_ignore_case	Boolean	off	-	on,off	dw	-
credcheck.password_min_digit	Integer	0	-	0-2147483647	dw	-
credcheck.password_min_length	Integer	1	-	1-2147483647	dw	-
credcheck.password_min_lower	Integer	0	-	0-2147483647	dw	-
credcheck.password_min_repeat	Integer	0	-	0-2147483647	dw	-
credcheck.password_min_special	Integer	0	-	0-2147483647	dw	-
credcheck.password_min_upper	Integer	0	-	0-2147483647	dw	-
credcheck.password_not_contain	String		-	.*	dw	-
credcheck.password_reuse_history	Integer	0	-	0-100	dw	-
credcheck.password_reuse_interval	Integer	0	-	0-730	dw	-
credcheck.password_valid_max	Integer	0	-	0-2147483647	dw	-
credcheck.password_valid_until	Integer	0	-	0-2147483647	dw	-
credcheck.reset_superuser	Boolean	on	-	on,off	dr	-
credcheck.username_contain	String		-	.*	dw	-
credcheck.username_contain_password	Boolean	on	-	on,off	dw	-
credcheck.username_ignore_case	Boolean	off	-	on,off	dw	-
credcheck.username_min_digit	Integer	0	-	0-2147483647	dw	-
credcheck.username_min_length	Integer	1	-	1-2147483647	dw	-
credcheck.username_min_lower	Integer	0	-	0-2147483647	dw	-
credcheck.username_min_repeat	Integer	0	-	0-2147483647	dw	-
credcheck.username_min_special	Integer	0	-	0-2147483647	dw	-
credcheck.username_min_upper	Integer	0	-	0-2147483647	dw	-
credcheck.username_not_contain	String		-	.*	dw	-
credcheck.whitelist	String		-	.*	dw	-
credcheck.whitelist_auth_failure	String		-	.*	dw	-
cron.database_name	String	postgres	-	[A-Za-z0-9_]+	sw	-
cron.enable_superuser_jobs	Boolean	off	-	on,off	sr	-
cron.host	String	postgres	-	.*	sr	-
cron.launch_active_jobs	Boolean	on	-	on,off	dr	-
cron.log_min_messages	Enumeration	error	warning	debug5,debug4,debug3,debug2,debug1,debug,info,notice,warning,error,log,fatal,panic	sr	-
cron.log_run	Boolean	on	-	on,off	sw	-
cron.log_statement	Boolean	on	-	on,off	sw	-
cron.max_running_jobs	Integer	32	-	0-5000	sw	-
cron.timezone	String	GMT	-	.*	sw	-
cron.use_background_workers	Boolean	off	-	on,off	sr	-
cursor_tuple_fraction	Numeric	0.1	-	0-1	dw	-
data_checksums	Boolean	off	on	on,off	dr	-
data_directory	String		/datadrive/pg/data	.*	sr	-
data_directory_mode	Integer	448	0700	0-511	dr	-
data_sync_retry	Boolean	off	-	on,off	sr	-
DateStyle	String	ISO, MDY	-	(ISO|POSTGRES|SQL|GERMAN)(, (DMY|MDY|YMD))?	dw	-
db_user_namespace	Boolean	off	-	on,off	dr	-
deadlock_timeout	Integer	1000	-	1-2147483647	dw	ms
debug_assertions	Boolean	off	-	on,off	dr	-
debug_discard_caches	Integer	0	-	0-0	dr	-
debug_io_direct	String		-	^(|data|wal|wal_init)$	dr	-
debug_logical_replication_streaming	Enumeration	buffered	-	buffered,immediate	dr	-
debug_parallel_query	Enumeration	off	-	off,on,regress	dw	-
debug_pretty_print	Boolean	on	-	on,off	dw	-
debug_print_parse	Boolean	off	-	on,off	dw	-
debug_print_plan	Boolean	off	-	on,off	dw	-
debug_print_rewritten	Boolean	off	-	on,off	dw	-
default_statistics_target	Integer	100	-	1-10000	dw	-
default_table_access_method	String	heap	-	.*	dr	-
default_tablespace	String		-	[A-Za-z._]*	dw	-
default_text_search_config	String	pg_catalog.english	-	[A-Za-z._]+	dw	-
default_toast_compression	Enumeration	pglz	lz4	lz4,pglz	dr	-
default_transaction_deferrable	Boolean	off	-	on,off	dw	-
default_transaction_isolation	Enumeration	read committed	-	serializable,repeatable read,read committed,read uncommitted	dw	-
default_transaction_read_only	Boolean	off	-	on,off	dw	-
duckdb.max_memory	Integer	1024	-	1024-688128	sr	megabytes
duckdb.max_workers_per_postgres_scan	Integer	2	-	0-1024	sw	-
duckdb.memory_limit	Integer	1024	-	1024-688128	sr	megabytes
duckdb.threads	Integer	-1	-	-1-96	sw	-
duckdb.worker_threads	Integer	-1	-	-1-96	sw	-
dynamic_library_path	String	$libdir	-	.*	dr	-
dynamic_shared_memory_type	Enumeration	posix	-	posix,sysv,mmap	sr	-
effective_cache_size	Integer	1572864	-	1-2147483647	dw	8kB
effective_io_concurrency	Integer	1	-	0-1000	dw	-
enable_async_append	Boolean	on	-	on,off	dr	-
enable_bitmapscan	Boolean	on	-	on,off	dw	-
enable_gathermerge	Boolean	on	-	on,off	dw	-
enable_group_by_reordering	Boolean	on	-	on,off	dw	-
enable_hashagg	Boolean	on	-	on,off	dw	-
enable_hashjoin	Boolean	on	-	on,off	dw	-
enable_incremental_sort	Boolean	on	-	on,off	dw	-
enable_indexonlyscan	Boolean	on	-	on,off	dw	-
enable_indexscan	Boolean	on	-	on,off	dw	-
enable_material	Boolean	on	-	on,off	dw	-
enable_memoize	Boolean	on	-	on,off	dr	-
enable_mergejoin	Boolean	on	-	on,off	dw	-
enable_nestloop	Boolean	on	-	on,off	dw	-
enable_parallel_append	Boolean	on	-	on,off	dw	-
enable_parallel_hash	Boolean	on	-	on,off	dr	-
enable_partition_pruning	Boolean	on	-	on,off	dr	-
enable_partitionwise_aggregate	Boolean	off	-	on,off	dw	-
enable_partitionwise_join	Boolean	off	-	on,off	dw	-
enable_presorted_aggregate	Boolean	on	-	on,off	dw	-
enable_seqscan	Boolean	on	-	on,off	dw	-
enable_sort	Boolean	on	-	on,off	dw	-
enable_tidscan	Boolean	on	-	on,off	dw	-
escape_string_warning	Boolean	on	-	on,off	dw	-
event_source	String	PostgreSQL	-	.*	sr	-
event_triggers	Boolean	on	-	on,off	dw	-
exit_on_error	Boolean	off	-	on,off	dw	-
external_pid_file	String		-	.*	sr	-
extra_float_digits	Integer	1	-	-15-3	dw	-
from_collapse_limit	Integer	8	-	1-2147483647	dw	-
fsync	Boolean	on	-	on,off	dr	-
full_page_writes	Boolean	on	-	on,off	dr	-
geqo	Boolean	on	-	on,off	dw	-
geqo_effort	Integer	5	-	1-10	dw	-
geqo_generations	Integer	0	-	0-2147483647	dw	-
geqo_pool_size	Integer	0	-	0-2147483647	dw	-
geqo_seed	Numeric	0	-	0-1	dw	-
geqo_selection_bias	Numeric	2	-	1.5-2	dw	-
geqo_threshold	Integer	12	-	2-2147483647	dw	-
gin_fuzzy_search_limit	Integer	0	-	0-2147483647	dw	-
gin_pending_list_limit	Integer	4096	-	64-2097151	dw	KB
gss_accept_delegation	Boolean	off	-	on,off	sr	-
hash_mem_multiplier	Numeric	2	-	1-1000	dw	-
hba_file	String		/datadrive/pg/data/pg_hba.conf	.*	sr	-
hot_standby	Boolean	on	-	on,off	sr	-
hot_standby_feedback	Boolean	off	-	on,off	dw	-
huge_page_size	Integer	0	-	0-2147483647	sr	KB
huge_pages	Enumeration	try	-	on,off,try	sw	-
huge_pages_status	Enumeration	unknown	on	on,off,unknown	dr	-
icu_validation_level	Enumeration	warning	-	disabled,debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error	dr	-
ident_file	String		/datadrive/pg/data/pg_ident.conf	.*	sr	-
idle_in_transaction_session_timeout	Integer	0	-	0-2147483647	dw	ms
idle_session_timeout	Integer	0	-	0-2147483647	dw	ms
ignore_checksum_failure	Boolean	off	-	on,off	dr	-
ignore_invalid_pages	Boolean	off	-	on,off	sr	-
ignore_system_indexes	Boolean	off	-	on,off	dr	-
in_hot_standby	Boolean	off	-	on,off	dr	-
index_tuning.analysis_interval	Integer	720	-	60-10080	dw	minutes
index_tuning.max_columns_per_index	Integer	2	-	1-10	dw	-
index_tuning.max_index_count	Integer	10	-	1-25	dw	-
index_tuning.max_indexes_per_table	Integer	10	-	1-25	dw	-
index_tuning.max_queries_per_database	Integer	25	-	5-100	dw	-
index_tuning.max_regression_factor	Numeric	0.1	-	0.05-0.2	dw	percentage
index_tuning.max_total_size_factor	Numeric	0.1	-	0-1.0	dw	percentage
index_tuning.min_improvement_factor	Numeric	0.2	-	0-20.0	dw	percentage
index_tuning.mode	Enumeration	off	-	off,report	dw	-
index_tuning.unused_dml_per_table	Integer	1000	-	0-9999999	dw	-
index_tuning.unused_min_period	Integer	35	-	30-720	dw	days
index_tuning.unused_reads_per_table	Integer	1000	-	0-9999999	dw	-
integer_datetimes	Boolean	on	-	on,off	dr	-
intelligent_tuning	Boolean	off	-	on,off	dw	-
intelligent_tuning.metric_targets	Set	none	-	none,Storage-checkpoint_completion_target,Storage-min_wal_size,Storage-max_wal_size,Storage-bgwriter_delay,tuning-autovacuum,all	dw	-
IntervalStyle	Enumeration	postgres	-	postgres,postgres_verbose,sql_standard,iso_8601	dw	-
io_combine_limit	Integer	16	-	1-32	dr	8kB
jit	Boolean	off	-	on, off	dw	-
jit_above_cost	Integer	100000	-	-1-2147483647	dw	-
jit_debugging_support	Boolean	off	-	on,off	dr	-
jit_dump_bitcode	Boolean	off	-	on,off	dr	-
jit_expressions	Boolean	on	-	on,off	dr	-
jit_inline_above_cost	Integer	500000	-	-1-2147483647	dw	-
jit_optimize_above_cost	Integer	500000	-	-1-2147483647	dw	-
jit_profiling_support	Boolean	off	-	on,off	dr	-
jit_provider	String	llvmjit	-	.*	sr	-
jit_tuple_deforming	Boolean	on	-	on,off	dr	-
join_collapse_limit	Integer	8	-	1-2147483647	dw	-
krb_caseins_users	Boolean	off	-	on,off	dr	-
krb_server_keyfile	String		-	.*	dr	-
lc_messages	String		en_US.utf8	.*	dr	-
lc_monetary	String	en_US.utf-8	-	[A-Za-z0-9._ -]+	dw	-
lc_numeric	String	en_US.utf-8	-	[A-Za-z0-9._ -]+	dw	-
lc_time	String	C	en_US.utf8	.*	dr	-
listen_addresses	String	localhost	*	.*	sr	-
lo_compat_privileges	Boolean	off	-	on,off	dw	-
local_preload_libraries	String		-	.*	dr	-
lock_timeout	Integer	0	-	0-2147483647	dw	ms
log_autovacuum_min_duration	Integer	-1	-	-1-2147483647	dw	ms
log_checkpoints	Boolean	on	-	on,off	dw	-
log_connections	Boolean	on	-	on,off	dw	-
log_destination	Enumeration	stderr	-	stderr,csvlog	dw	-
log_directory	String	log	-	.*	dr	-
log_disconnections	Boolean	on	-	on,off	dw	-
log_duration	Boolean	off	-	on,off	dw	-
log_error_verbosity	Enumeration	default	-	terse,default,verbose	dw	-
log_executor_stats	Boolean	off	-	on,off	dr	-
log_file_mode	Integer	384	0600	0-511	dr	-
log_filename	String	postgresql-%Y-%m-%d_%H%M%S.log	-	.*	dr	-
log_hostname	Boolean	off	-	on,off	dw	-
log_line_prefix	String	%t-%c-	-	[^']*	dw	-
log_lock_waits	Boolean	off	-	on,off	dw	-
log_min_duration_sample	Integer	-1	-	-1-2147483647	dw	ms
log_min_duration_statement	Integer	-1	-	-1-2147483647	dw	ms
log_min_error_statement	Enumeration	error	-	debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic	dw	-
log_min_messages	Enumeration	warning	-	debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic	dw	-
log_parameter_max_length	Integer	-1	-	-1-1073741823	dw	B
log_parameter_max_length_on_error	Integer	0	-	-1-1073741823	dw	B
log_parser_stats	Boolean	off	-	on,off	dr	-
log_planner_stats	Boolean	off	-	on,off	dr	-
log_recovery_conflict_waits	Boolean	off	-	on,off	dw	-
log_replication_commands	Boolean	on	-	on,off	dr	-
log_rotation_age	Integer	1440	60	0-35791394	dr	minutes
log_rotation_size	Integer	10240	102400	0-2097151	dr	KB
log_startup_progress_interval	Integer	10000	-	0-2147483647	dr	ms
log_statement	Enumeration	none	-	none,ddl,mod,all	dw	-
log_statement_sample_rate	Numeric	1	-	0-1	dw	-
log_statement_stats	Boolean	off	-	on,off	dw	-
log_temp_files	Integer	-1	-	-1-2147483647	dw	kB
log_timezone	String	GMT	UTC	.*	dr	-
log_transaction_sample_rate	Numeric	0	-	0-1	dr	-
log_truncate_on_rotation	Boolean	off	-	on,off	dr	-
logfiles.download_enable	Boolean	off	-	on,off	dw	-
logfiles.retention_days	Integer	3	-	1-7	dw	-
logging_collector	Boolean	off	-	on,off	sr	-
logical_decoding_work_mem	Integer	65536	-	64-2147483647	dw	kB
maintenance_io_concurrency	Integer	10	-	0-1000	dr	-
maintenance_work_mem	Integer	274432	-	1024-2097151	dw	kB
max_connections	Integer	1718	-	25-5000	sw	-
max_files_per_process	Integer	1000	-	64-2147483647	sr	-
max_function_args	Integer	100	-	100-100	dr	-
max_identifier_length	Integer	63	-	63-63	dr	-
max_index_keys	Integer	32	-	32-32	dr	-
max_locks_per_transaction	Integer	64	-	10-8388608	sw	-
max_logical_replication_workers	Integer	4	-	0-262143	sw	-
max_notify_queue_pages	Integer	1048576	-	64-2147483647	sr	-
max_parallel_apply_workers_per_subscription	Integer	2	-	0-1024	dw	-
max_parallel_maintenance_workers	Integer	2	-	0-64	dw	-
max_parallel_workers	Integer	8	-	0-1024	dw	-
max_parallel_workers_per_gather	Integer	2	-	0-1024	dw	-
max_pred_locks_per_page	Integer	2	-	0-2147483647	dw	-
max_pred_locks_per_relation	Integer	-2	-	-2147483648-2147483647	dw	-
max_pred_locks_per_transaction	Integer	64	-	10-2147483647	sr	-
max_prepared_transactions	Integer	0	-	0-262143	sw	-
max_replication_slots	Integer	10	-	2-262143	sw	-
max_slot_wal_keep_size	Integer	-1	-	-1-2147483647	dr	MB
max_stack_depth	Integer	100	2048	100-2147483647	dr	KB
max_standby_archive_delay	Integer	30000	-	-1-2147483647	dw	ms
max_standby_streaming_delay	Integer	30000	-	-1-2147483647	dw	ms
max_sync_workers_per_subscription	Integer	2	-	0-262143	dw	-
max_wal_senders	Integer	10	-	5-100	sw	-
max_wal_size	Integer	12288	-	32-65536	dw	MB
max_worker_processes	Integer	8	-	0-262143	sw	-
metrics.autovacuum_diagnostics	Boolean	off	-	on,off	dw	-
metrics.collector_database_activity	Boolean	off	-	on,off	dw	-
metrics.pgbouncer_diagnostics	Boolean	off	-	on,off	dw	-
min_dynamic_shared_memory	Integer	0	-	0-2147483647	sr	megabytes
min_parallel_index_scan_size	Integer	64	-	0-715827882	dw	8kB
min_parallel_table_scan_size	Integer	1024	-	0-715827882	dw	8kB
min_wal_size	Integer	80	-	32-2097151	dw	megabytes
multixact_member_buffers	Integer	32	-	16-131072	sw	8kB
multixact_offset_buffers	Integer	16	-	16-131072	sw	8kB
notify_buffers	Integer	16	-	16-131072	sw	8kB
parallel_leader_participation	Boolean	on	-	on,off	dr	-
parallel_setup_cost	Numeric	1000	-	0-1.79769e+308	dw	-
parallel_tuple_cost	Numeric	0.1	-	0-1.79769e+308	dw	-
password_encryption	Enumeration	scram-sha-256	-	md5,scram-sha-256	dw	-
pg_hint_plan.debug_print	Boolean	off	-	on,off	dr	-
pg_hint_plan.enable_hint	Boolean	on	-	on,off	dr	-
pg_hint_plan.enable_hint_table	Boolean	off	-	on,off	dr	-
pg_hint_plan.message_level	Enumeration	log	-	debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error	dr	-
pg_hint_plan.parse_messages	Enumeration	info	-	debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error	dr	-
pg_partman_bgw.analyze	Boolean	off	-	on,off	dw	-
pg_partman_bgw.dbname	String		-	.*	dw	-
pg_partman_bgw.interval	Integer	3600	-	1-315360000	dw	s
pg_partman_bgw.jobmon	Boolean	on	-	on,off	dw	-
pg_partman_bgw.maintenance_wait	Integer	0	-	0-2147483647	dr	s
pg_partman_bgw.role	String		-	.*	dw	-
pg_prewarm.autoprewarm	Boolean	on	-	on,off	dr	-
pg_prewarm.autoprewarm_interval	Integer	300	-	0-2147483	dr	-
pg_qs.interval_length_minutes	Integer	15	-	1-30	dw	min
pg_qs.is_enabled_fs	Boolean	on	-	on,off	dr	-
pg_qs.max_captured_queries	Integer	500	-	100-500	dw	-
pg_qs.max_plan_size	Integer	7500	-	100-10000	dw	bytes
pg_qs.max_query_text_length	Integer	6000	-	100-10000	dw	bytes
pg_qs.parameters_capture_mode	Enumeration	capture_parameterless_only	-	capture_parameterless_only,capture_first_sample	dw	-
pg_qs.query_capture_mode	Enumeration	top	-	top,all,none	dw	-
pg_qs.retention_period_in_days	Integer	7	-	1-30	dw	-
pg_qs.store_query_plans	Boolean	off	-	on,off	dw	-
pg_qs.track_utility	Boolean	on	-	on,off	dw	-
pg_stat_statements.max	Integer	5000	-	100-2147483647	sw	-
pg_stat_statements.save	Boolean	on	-	on,off	dw	-
pg_stat_statements.track	Enumeration	none	-	top,all,none	dw	-
pg_stat_statements.track_planning	Boolean	off	-	on,off	dw	-
pg_stat_statements.track_utility	Boolean	on	-	on,off	dw	-
pgaadauth.enable_group_sync	Boolean	off	-	on,off	dw	-
pgaudit.log	Set	none	-	none,read,write,function,role,ddl,misc,all	dw	-
pgaudit.log_catalog	Boolean	on	-	on,off	dw	-
pgaudit.log_client	Boolean	off	-	on,off	dw	-
pgaudit.log_level	Enumeration	log	-	,debug5,debug4,debug3,debug2,debug1,info,notice,warning,log	dw	-
pgaudit.log_parameter	Boolean	off	-	on,off	dw	-
pgaudit.log_parameter_max_size	Integer	0	-	0-1073741823	dw	-
pgaudit.log_relation	Boolean	off	-	on,off	dw	-
pgaudit.log_rows	Boolean	off	-	on,off	dw	-
pgaudit.log_statement	Boolean	on	-	on,off	dw	-
pgaudit.log_statement_once	Boolean	off	-	on,off	dw	-
pgaudit.role	String		-	[A-Za-z\\._]*	dw	-
pgbouncer.enabled	Boolean	false	-	true, false	dw	-
pglogical.batch_inserts	Boolean	on	-	on,off	dw	-
pglogical.conflict_log_level	Enumeration	log	-	debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic	dw	-
pglogical.conflict_resolution	Enumeration	apply_remote	-	error,apply_remote,keep_local,last_update_wins,first_update_wins	dw	-
pglogical.extra_connection_options	String		-	.*	dr	-
pglogical.synchronous_commit	Boolean	off	-	on,off	dr	-
pglogical.temp_directory	String		-	.*	dr	-
pglogical.use_spi	Boolean	off	-	on,off	dw	-
pgms_stats.is_enabled_fs	Boolean	on	-	on,off	dr	-
pgms_wait_sampling.history_period	Integer	100	-	1-600000	dw	milliseconds
pgms_wait_sampling.is_enabled_fs	Boolean	on	-	on,off	dr	-
pgms_wait_sampling.query_capture_mode	Enumeration	all	-	all,none	dw	-
plan_cache_mode	Enumeration	auto	-	auto,force_generic_plan,force_custom_plan	dw	-
port	Integer	5432	-	1-65535	sr	-
post_auth_delay	Integer	0	-	0-2147	dr	s
postgis.gdal_enabled_drivers	Enumeration	DISABLE_ALL	-	DISABLE_ALL,ENABLE_ALL	dw	-
pre_auth_delay	Integer	0	-	0-60	dr	s
primary_conninfo	String		-	.*	dr	-
primary_slot_name	String		-	.*	dr	-
quote_all_identifiers	Boolean	off	-	on,off	dw	-
random_page_cost	Numeric	2	-	0-1.79769e+308	dw	-
recovery_end_command	String		-	.*	dr	-
recovery_init_sync_method	Enumeration	fsync	-	fsync,syncfs	dr	-
recovery_min_apply_delay	Integer	0	-	0-2147483647	dr	milliseconds
recovery_prefetch	Enumeration	try	-	off,on,try	dr	-
recovery_target	String		-	.*	sr	-
recovery_target_action	Enumeration	pause	-	pause,promote,shutdown	sr	-
recovery_target_inclusive	Boolean	on	-	on,off	sr	-
recovery_target_lsn	String		-	.*	sr	-
recovery_target_name	String		-	.*	sr	-
recovery_target_time	String		-	.*	sr	-
recovery_target_timeline	String	latest	-	.*	sr	-
recovery_target_xid	String		-	.*	sr	-
recursive_worktable_factor	Numeric	10	-	0.001-1e+06	dr	-
remove_temp_files_after_crash	Boolean	on	-	on,off	dr	-
require_secure_transport	Boolean	on	-	on,off	dw	-
reserved_connections	Integer	5	-	0-262143	sr	-
restart_after_crash	Boolean	on	-	on,off	dr	-
restore_command	String		-	.*	dr	-
restrict_nonsystem_relation_kind	String		-	^(|foreign-table|view)$	dr	-
row_security	Boolean	on	-	on,off	dw	-
scram_iterations	Integer	4096	-	1-2147483647	dr	-
search_path	String	"$user", public	-	[A-Za-z0-9."$,_ -]+	dw	-
segment_size	Integer	131072	-	131072-131072	dr	8KB
send_abort_for_crash	Boolean	off	-	on,off	dr	-
send_abort_for_kill	Boolean	off	-	on,off	dr	-
seq_page_cost	Numeric	1	-	0-1.79769e+308	dw	-
serializable_buffers	Integer	32	-	16-131072	sw	8kB
server_encoding	String	SQL_ASCII	UTF8	.*	dr	-
server_version	String	17rc1	17.9	.*	dr	-
server_version_num	Integer	170000	170009	170000-170000	dr	-
session_preload_libraries	Set		-	,login_hook	dw	-
session_replication_role	Enumeration	origin	-	origin,replica,local	dw	-
shared_buffers	Integer	524288	-	16-1073741823	sw	8kB
shared_memory_size	Integer	0	4357	0-2147483647	dr	megabytes
shared_memory_size_in_huge_pages	Integer	-1	2179	-1-2147483647	dr	-
shared_memory_type	Enumeration	mmap	-	sysv,mmap	sr	-
shared_preload_libraries	Set	pg_stat_statements	pg_cron,pg_stat_statements	,age,anon,auto_explain,azure_storage,credcheck,pg_cron,pg_duckdb,pg_hint_plan,pg_ivm,pg_partman_bgw,pg_prewarm,pg_squeeze,pg_stat_statements,pgaudit,pglogical,timescaledb,wal2json	sw	-
squeeze.max_xlock_time	Integer	0	-	0-2147483647	dr	-
squeeze.worker_autostart	String		-	.*	dr	-
squeeze.worker_role	String		-	.*	dr	-
squeeze.workers_per_database	Integer	1	-	1-8	dr	-
ssl	Boolean	off	on	on,off	dr	-
ssl_ca_file	String		/datadrive/certs/ca.pem	.*	dr	-
ssl_cert_file	String	server.crt	/datadrive/certs/cert.pem	.*	dr	-
ssl_ciphers	String	HIGH:MEDIUM:+3DES:!aNULL	ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256	.*	dr	-
ssl_crl_dir	String		-	.*	dr	-
ssl_crl_file	String		-	.*	dr	-
ssl_dh_params_file	String		-	.*	dr	-
ssl_ecdh_curve	String	prime256v1	-	.*	dr	-
ssl_key_file	String	server.key	/datadrive/certs/key.pem	.*	dr	-
ssl_library	String	OpenSSL	-	.*	dr	-
ssl_max_protocol_version	Enumeration		-	,TLSv1.2,TLSv1.3	dw	-
ssl_min_protocol_version	Enumeration	TLSv1.2	-	TLSv1.2,TLSv1.3	dw	-
ssl_passphrase_command	String		-	.*	dr	-
ssl_passphrase_command_supports_reload	Boolean	off	-	on,off	dr	-
ssl_prefer_server_ciphers	Boolean	on	-	on,off	dr	-
standard_conforming_strings	Boolean	on	-	on,off	dw	-
statement_timeout	Integer	0	-	0-2147483647	dw	ms
stats_fetch_consistency	Enumeration	cache	-	none,cache,snapshot	dr	-
subtransaction_buffers	Integer	0	1024	0-131072	sw	8kB
summarize_wal	Boolean	off	-	on,off	dr	-
superuser_reserved_connections	Integer	10	-	0-262143	sr	-
sync_replication_slots	Boolean	off	-	on,off	dw	-
synchronize_seqscans	Boolean	on	-	on,off	dw	-
synchronized_standby_slots	String		-	.*	dr	-
synchronous_commit	Enumeration	on	-	local,remote_write,on,off	dr	-
synchronous_standby_names	String		-	.*	dr	-
syslog_facility	Enumeration	local0	-	local0,local1,local2,local3,local4,local5,local6,local7	dr	-
syslog_ident	String	postgres	-	.*	dr	-
syslog_sequence_numbers	Boolean	on	-	on,off	dr	-
syslog_split_messages	Boolean	on	-	on,off	dr	-
tcp_keepalives_count	Integer	9	-	0-2147483647	dw	-
tcp_keepalives_idle	Integer	120	-	0-2147483647	dw	s
tcp_keepalives_interval	Integer	30	-	0-2147483647	dw	s
tcp_user_timeout	Integer	0	-	0-2147483647	dw	ms
temp_buffers	Integer	1024	-	100-1073741823	dw	8kB
temp_file_limit	Integer	-1	-	-1-2147483647	dw	kB
temp_tablespaces	String		temptblspace	[A-Za-z._]*	dw	-
timescaledb.bgw_launcher_poll_time	Integer	60000	-	10-2147483647	dr	ms
timescaledb.disable_load	Boolean	off	-	on,off	dr	-
timescaledb.max_background_workers	Integer	16	-	0-1000	dr	ms
timescaledb_osm.disable_load	Boolean	off	-	on,off	dr	-
TimeZone	String	UTC	-	[A-Za-z0-9/+_-]+	dw	-
timezone_abbreviations	String		Default	.*	dr	-
trace_connection_negotiation	Boolean	off	-	on,off	dr	-
trace_notify	Boolean	off	-	on,off	dr	-
trace_sort	Boolean	off	-	on,off	dr	-
track_activities	Boolean	on	-	on,off	dw	-
track_activity_query_size	Integer	1024	-	100-102400	sw	B
track_commit_timestamp	Boolean	off	-	on,off	sw	-
track_counts	Boolean	on	-	on,off	dw	-
track_functions	Enumeration	none	-	none,pl,all	dw	-
track_io_timing	Boolean	off	-	on,off	dw	-
track_wal_io_timing	Boolean	off	-	on,off	dr	-
transaction_buffers	Integer	0	1024	0-131072	sw	8kB
transaction_deferrable	Boolean	off	-	on,off	dr	-
transaction_isolation	Enumeration	read committed	-	serializable,repeatable read,read committed,read uncommitted	dr	-
transaction_read_only	Boolean	off	-	on,off	dr	-
transaction_timeout	Integer	0	-	0-2147483647	dw	ms
transform_null_equals	Boolean	off	-	on,off	dw	-
unix_socket_directories	String	/tmp	-	.*	sr	-
unix_socket_group	String		-	.*	sr	-
unix_socket_permissions	Integer	511	0777	0-511	sr	-
update_process_title	Boolean	on	-	on,off	dr	-
vacuum_buffer_usage_limit	Integer	2048	-	0-16777216	dw	KB
vacuum_cost_delay	Integer	0	-	0-100	dw	ms
vacuum_cost_limit	Integer	200	-	1-10000	dw	-
vacuum_cost_page_dirty	Integer	20	-	0-10000	dw	-
vacuum_cost_page_hit	Integer	1	-	0-10000	dw	-
vacuum_cost_page_miss	Integer	10	-	0-10000	dw	-
vacuum_failsafe_age	Integer	1600000000	-	0-2100000000	dw	-
vacuum_freeze_min_age	Integer	50000000	-	0-1000000000	dw	-
vacuum_freeze_table_age	Integer	150000000	-	0-2000000000	dw	-
vacuum_multixact_failsafe_age	Integer	1600000000	-	0-2100000000	dw	-
vacuum_multixact_freeze_min_age	Integer	5000000	-	0-1000000000	dw	-
vacuum_multixact_freeze_table_age	Integer	150000000	-	0-2000000000	dw	-
wal_block_size	Integer	8192	-	8192-8192	dr	-
wal_buffers	Integer	2048	-	-1-262143	sw	8kB
wal_compression	Enumeration	on	-	pglz,lz4,on,off	dw	-
wal_consistency_checking	String		-	.*	dr	-
wal_decode_buffer_size	Integer	524288	-	65536-1073741823	sr	B
wal_init_zero	Boolean	on	-	on,off	dr	-
wal_keep_size	Integer	0	400	0-2147483647	dr	megabytes
wal_level	Enumeration	replica	-	replica,logical	sw	-
wal_log_hints	Boolean	off	-	on,off	sr	-
wal_receiver_create_temp_slot	Boolean	off	-	on,off	dr	-
wal_receiver_status_interval	Integer	10	-	0-2147483	dw	s
wal_receiver_timeout	Integer	60000	-	0-2147483647	dw	milliseconds
wal_recycle	Boolean	on	-	on,off	dr	-
wal_retrieve_retry_interval	Integer	5000	-	1-2147483647	dr	milliseconds
wal_segment_size	Integer	16777216	-	1048576-1073741824	dr	bytes
wal_sender_timeout	Integer	60000	-	0-2147483647	dw	milliseconds
wal_skip_threshold	Integer	2048	-	0-2147483647	dr	KB
wal_summary_keep_time	Integer	14400	-	0-35791394	dr	min
wal_sync_method	Enumeration	fdatasync	-	fsync,fdatasync,open_sync,open_datasync	dr	-
wal_writer_delay	Integer	200	-	1-10000	dw	ms
wal_writer_flush_after	Integer	128	-	0-2147483647	dw	8KB
work_mem	Integer	4096	-	4096-2097151	dw	kB
xmlbinary	Enumeration	base64	-	base64,hex	dw	-
xmloption	Enumeration	content	-	content,document	dw	-
zero_damaged_pages	Boolean	off	-	on,off	dr	-
"""
