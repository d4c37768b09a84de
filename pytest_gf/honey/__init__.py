"""GloriousFlywheel: what is promised, how it is observed and judged."""
