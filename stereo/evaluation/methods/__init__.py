"""Methods that turn a left view and its disparity into a right view, found by their names."""
