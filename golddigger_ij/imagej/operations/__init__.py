"""What the engine does for each menu command: one function an operation, from a `Call` to the entries of its answer."""
