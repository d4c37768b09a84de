"""What can be chosen with -m: a file each, with the marker, its options and what belongs to it."""
