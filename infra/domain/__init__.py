"""What we know about an environment: values in, judgements out, nothing touched."""
