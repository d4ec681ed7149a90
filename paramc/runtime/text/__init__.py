"""Text: from the runs of the Plan to what a network is conditioned on."""
