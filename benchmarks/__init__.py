"""Speed and operations, side by side with a peer in one run."""
