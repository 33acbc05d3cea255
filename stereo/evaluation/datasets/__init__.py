"""Data sets as users have them on disk, and the rendered one, each as a list of scenes."""
