"""Which vectors are nearest to a query: exact, approximate, or by Milvus."""
