"""How a page runs a live figure without a kernel: what it loads, and what compiles the figure for it."""
