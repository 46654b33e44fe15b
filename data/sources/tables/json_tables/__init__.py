"""Tables in JSON, as programs and services write them."""
