"""The engine of graph dialects: JSON → graph → what each result was made with → Job, by the tables of the dialect."""
