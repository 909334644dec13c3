"""Two models side by side: what differs between them, which is better, by how much, and on which pictures."""
