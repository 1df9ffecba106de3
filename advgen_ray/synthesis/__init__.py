"""What a classifier makes when it is run backwards, and how it compares with real images."""
