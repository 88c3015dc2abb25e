"""Trains tests/data/tiny-qwen3-asr from nothing but espeak-ng: `make tiny-qwen3-asr`.

clips (what espeak-ng says) -> mixing (utterances as a telephone brings them, and their words) -> prompts (batches)
-> training (the schedule) on model (the architecture, initialised) -> evaluation (voices kept aside) -> a checkpoint
"""
