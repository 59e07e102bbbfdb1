"""What is gathered for each page: objects, as the person who looks; records, from the stores. Pages are made of it."""
