"""Text as lines and cells: how it is written and divided, and which lines are names or rows."""
