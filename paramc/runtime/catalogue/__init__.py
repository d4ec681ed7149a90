"""Model files at hand: what they are, by their headers, and where they lie; needs no torch."""
