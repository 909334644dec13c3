"""Clean pictures: official SVHN, drawn numbers, files and pictures of one's own."""
