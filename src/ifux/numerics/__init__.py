"""Pure functions on arrays, with no word of astronomy."""
