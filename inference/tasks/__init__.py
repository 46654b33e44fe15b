"""What eval writes for the tasks of series models beyond scores and events."""
