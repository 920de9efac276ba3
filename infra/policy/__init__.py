"""The policy pack: the domain's rules on servers that any Pulumi program registers, for organisations that enforce packs."""
