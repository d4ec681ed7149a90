"""How values look on a screen: tables, wrapped texts, colours. Nothing here prints."""
