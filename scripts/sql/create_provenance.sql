-- Which embedding model and version filled each vector set; vectors of two models must never be compared.
CREATE TABLE IF NOT EXISTS agent_memory.vector_sets (
  table_name text NOT NULL,
  column_name text NOT NULL,
  model_name text NOT NULL,
  model_version text NOT NULL,
  dimensions integer NOT NULL CHECK (dimensions > 0),
  distance text NOT NULL CHECK (distance IN ('cosine', 'l2', 'inner_product')),
  normalised boolean,
  declared_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (table_name, column_name)
)
