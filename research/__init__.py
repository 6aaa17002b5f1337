"""What is not the product: how nano is made, and the samples."""
