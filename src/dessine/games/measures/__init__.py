"""What is measured of a game beside it, one measure a file: none of them changes what the game does next."""
