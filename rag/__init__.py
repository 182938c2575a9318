"""Ask your own documents; get their own words with the exact place, or "not in sources"."""
