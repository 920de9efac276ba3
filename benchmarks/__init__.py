"""Side-by-side measurements: ours and the peer in turn, on the same data, in one run. Ratios count, seconds do not."""
