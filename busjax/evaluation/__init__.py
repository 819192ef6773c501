"""From scores to metrics, statistics, figures and a report."""
