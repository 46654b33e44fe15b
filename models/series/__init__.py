"""Models of time series and the tasks they learn."""
