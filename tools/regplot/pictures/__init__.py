"""A module a picture, each with draw(arguments) -> Picture."""
