"""Python scripts as sources: looked at, never run."""
