"""A second opinion on what was made of a table, by checks that share no code with what read it."""
