"""Pages, tables and pictures of results."""
