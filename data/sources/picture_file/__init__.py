"""What a picture file holds, beside its pixels too."""
