"""The verbs of the command line: each turns arguments into an Outcome, and cli.py writes it."""
