"""The review page, `python main.py -m review --serve`: clips in a browser, verdicts saved as they are made."""
