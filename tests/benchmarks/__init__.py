"""What `make bench` measures. Figures, not tests: nothing here fails because a machine is slow."""
