"""What is taken out of texts before they are stored or logged, however it was written or said. Pure."""
