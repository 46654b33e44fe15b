"""From score maps to boxes, events, their places and reasons."""
