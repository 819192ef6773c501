"""Tables over many runs: folds put together, beside what papers print. Read from work directories alone."""
