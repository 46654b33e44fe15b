"""Times as headers, tables and names of files tell them: read in one way, as UTC."""
