"""`agentmem indexes`: vector indexes as living objects: advised, proved by recall, watched, and mended."""
