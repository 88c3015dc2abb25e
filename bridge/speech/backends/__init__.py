"""The models: the only home of onnxruntime, ctranslate2, torch, vllm and df in the server."""
