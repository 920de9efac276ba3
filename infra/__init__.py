"""What an environment is, and the Pulumi program that declares it."""
