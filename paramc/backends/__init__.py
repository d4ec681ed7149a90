"""The writing engines: Job and Plan to artefacts, by the tables and templates of `targets/`."""
