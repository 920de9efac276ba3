"""The command `agentmem`: one verb a file."""
