"""What a change does to a database: steps from any source, each classified by the worst that it does."""
