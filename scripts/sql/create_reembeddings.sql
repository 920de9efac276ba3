-- How far re-embedding a table's texts under a new model is. The column that serves is the old one until cut_over_at.
CREATE TABLE IF NOT EXISTS agent_memory.reembeddings (
  table_name text NOT NULL,
  column_name text NOT NULL,
  from_column text NOT NULL,
  model_name text NOT NULL,
  model_version text NOT NULL,
  after_key text[],
  rows_done bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  filled_at timestamptz,
  cut_over_at timestamptz,
  PRIMARY KEY (table_name, column_name)
)
