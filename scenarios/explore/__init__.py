"""Looking for plans that fail: draw at random, play, shrink, and write the smallest one down."""
