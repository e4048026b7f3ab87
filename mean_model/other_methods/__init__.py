"""Other published methods: their weights recognised by the names of their tensors, and their networks."""
