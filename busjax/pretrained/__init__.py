"""Released ImageNet weights, and how they become variables of our networks."""
