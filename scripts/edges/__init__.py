"""Everything outside the process that a verb may touch."""
