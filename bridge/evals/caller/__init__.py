"""The simulated caller: what they say and press, with which voice, and what is heard behind them."""
