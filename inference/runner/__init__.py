"""What scores frames without PyTorch: a bundle that `main.py -m export` wrote, and any reel, video or frames."""
