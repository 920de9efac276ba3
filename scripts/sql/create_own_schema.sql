-- What the toolkit itself keeps in the database, apart from the application's tables.
CREATE SCHEMA IF NOT EXISTS agent_memory
