"""The local stand-in for Azure: one cloud model, real PostgreSQL behind its servers, and doors that real clients use."""
