"""The benchmark's script: starts the servers, loads them in turns, and writes the table."""
