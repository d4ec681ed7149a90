"""The Plan performed: one function per op, and what flows between them."""
