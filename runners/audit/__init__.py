"""The conservation checker: every Post that entered has one best ending, and every copy is what was announced."""
