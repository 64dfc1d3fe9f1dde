"""Every break of the design's table of faults, made for real; `table` says which test makes which."""
