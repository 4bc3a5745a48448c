"""The pages of ``loadws docs``: where they are kept, and how a word is found in them."""
