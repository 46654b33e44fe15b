"""`--follow` of a series: its rows as they come, their scores, thresholds that go with them, and events."""
