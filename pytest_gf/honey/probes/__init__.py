"""One wire each: requests out, values in."""
