"""What a zoo is made from: its recipe, and what it draws for each net."""
