"""Times that are not what their cells say: put right, or left out."""
