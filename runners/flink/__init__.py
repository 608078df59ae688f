"""The same pumps on Apache Flink."""
