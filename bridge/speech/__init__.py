"""The speech core: wire audio -> denoiser -> voice activity -> recogniser."""
