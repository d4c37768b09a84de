"""Pages of docs/ that are generated from what they describe."""
