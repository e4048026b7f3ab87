"""Why retrieval fails: what a report says about its queries, one by one and all together. Knows no web page."""
