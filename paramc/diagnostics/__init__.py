"""Diagnostics: their model, their codes and their rendering."""
