"""Real servers as private processes: a broker and file servers on loopback, for the demonstration and the tests."""
