"""What files of arrays tell about their frames beside them: times, rates, labels."""
