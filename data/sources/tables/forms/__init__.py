"""Forms that tables have beside a row a sample: rows of values, of days, of devices, of runs."""
