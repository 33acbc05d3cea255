"""Text encoders and their tokenizer."""
