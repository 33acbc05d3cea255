"""Dense prediction transformers: relative depth of single images."""
