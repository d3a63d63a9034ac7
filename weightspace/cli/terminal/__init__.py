"""How every command reads its flags, writes its results, and answers what can't be done."""
