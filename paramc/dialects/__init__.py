"""The reading engines: texts of the UIs to the IR, by the grammars and tables of `grammars/`."""
