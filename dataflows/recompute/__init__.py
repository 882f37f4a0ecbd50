"""Rebuild the windows of a past period from Kafka, late records included. Knows no Bytewax flow."""
