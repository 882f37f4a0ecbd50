"""What tests and benchmarks share: real servers and helpers around them."""
