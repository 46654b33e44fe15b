"""What is known of the time of events: catalogues, intervals, labels of windows."""
