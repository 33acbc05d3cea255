"""How fast the workflows are, on whatever machine this runs on."""
