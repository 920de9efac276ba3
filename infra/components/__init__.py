"""The parts of a memory store: one Pulumi component a file."""
