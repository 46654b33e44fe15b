"""What is in a video file: its packets, and the frames that they become."""
