"""Time zones beside times and behind them."""
