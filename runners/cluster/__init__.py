"""The cluster file: read, checked, and turned into what the broker and the pumps need. Nothing here imports Beam."""
